"""Checks of the server's settings, clock, seals, disk and secrets."""

import datetime as dt
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import Connection

from gis.audit.anchor import AnchorStatus
from gis.audit.sealer import seal_status
from gis.checks.result import CheckResult, CheckStatus, Installation, check_result, query_names
from gis.text.i18n import Text

CLOCK_SKEW_S = 2
MIN_FREE_BYTES = 512 * 1024 * 1024
LOW_FREE_SHARE = 0.1
DEFAULT_SECRETS = {"", "admin", "changeme", "password", "postgis", "postgres", "secret", "123456"}
"""Passwords that installers set and attackers try first."""


def check_durability(connection: Connection, installation: Installation) -> Iterator[CheckResult]:
    """Check for data checksums and, if the installation is durable, the settings that flush writes to the disk."""
    required = ["data_checksums"]
    if installation.durable:
        required += ["fsync", "full_page_writes", "synchronous_commit"]
    off = query_names(
        connection,
        "select name || ' = ' || setting from pg_settings where name = any(:names) and setting <> 'on'",
        names=required,
    )
    yield from check_result(
        "Ghi bền vững, có kiểm tra trang dữ liệu",
        "Durable writes and data page checksums",
        off,
        Text("bật lại", "switch it on again"),
    )


def check_clock(connection: Connection, _installation: Installation) -> Iterator[CheckResult]:
    """Check this machine's clock against the database's, and the database's against the latest journal entry."""
    server_time = connection.execute(text("select clock_timestamp()")).scalar_one()
    skew = abs((dt.datetime.now(dt.UTC) - server_time).total_seconds())
    faults = [f"{skew:.0f} s"] if skew > CLOCK_SKEW_S else []
    latest = connection.execute(text("select max(at) from app.journal")).scalar()
    if latest is not None and latest > server_time + dt.timedelta(seconds=CLOCK_SKEW_S):
        faults.append(f"nhật ký · journal {latest:%d/%m/%Y %H:%M}")
    yield from check_result(
        "Đồng hồ", "The clock", faults, Text("chỉnh giờ máy chủ (NTP)", "set the server's clock right (NTP)")
    )


def check_seals(connection: Connection, installation: Installation) -> Iterator[CheckResult]:
    """Check the anchor file. Old unsealed entries are no fault: nothing is sealed while the server is stopped."""
    if installation.anchor is None:
        return
    status = seal_status(connection.connection.driver_connection, installation.anchor)  # type: ignore[arg-type]
    states = {
        AnchorStatus.DIFFERS: CheckStatus.BAD,
        AnchorStatus.UNAVAILABLE: CheckStatus.POOR,
        AnchorStatus.BEHIND: CheckStatus.POOR,
    }
    counts = f"{status.batches} / {status.unsealed}, anchor: {status.anchor}"
    detail = Text(f"đợt đã niêm phong / dòng chưa niêm phong: {counts}", f"sealed batches / unsealed entries: {counts}")
    check = Text("Nhật ký được niêm phong", "The journal is sealed")
    yield CheckResult(check, states.get(status.anchor, CheckStatus.GOOD), detail)


def check_disk(_connection: Connection, installation: Installation) -> Iterator[CheckResult]:
    """Check the free space of the data directory: bad below ``MIN_FREE_BYTES``, poor below ``LOW_FREE_SHARE``."""
    usage = shutil.disk_usage(installation.data_dir)
    free = f"{usage.free / 1e9:.1f} GB"
    remedy = Text("giải phóng ổ đĩa", "free disk space")
    short = [free] if usage.free < MIN_FREE_BYTES else []
    low = [free] if not short and usage.free < LOW_FREE_SHARE * usage.total else []
    yield from check_result(
        "Dung lượng đĩa còn trống",
        "Free disk space",
        short or low,
        remedy,
        worst=CheckStatus.BAD if short else CheckStatus.POOR,
    )


def check_secrets(_connection: Connection, installation: Installation) -> Iterator[CheckResult]:
    """Check for default passwords, the login's own name and its prefix among them, and for readable key files."""
    weak = sorted(
        login
        for login, secret in (installation.secrets or {}).items()
        if secret == login or secret.lower() in {*DEFAULT_SECRETS, login.partition("_")[0]}
    )
    remedy = Text("đặt mật khẩu khác", "set another password")
    yield from check_result("Không có mật khẩu mặc định", "No default password", weak, remedy)
    readable = [str(file) for file in installation.private_files if file.exists() and _is_readable_by_others(file)]
    yield from check_result(
        "Tệp khóa chỉ chủ sở hữu đọc được",
        "Only their owner can read the key files",
        readable,
        Text("chmod 600", "chmod 600"),
    )


def _is_readable_by_others(file: Path) -> bool:
    return bool(stat.S_IMODE(os.stat(file).st_mode) & 0o077)  # noqa: PTH116 - follows links
