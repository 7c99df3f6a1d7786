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
DEFAULT_SECRETS = {"", "admin", "changeme", "cotmoc", "password", "postgis", "postgres", "secret", "123456"}
"""What installers leave behind and everybody tries first."""


def check_durability(connection: Connection, installation: Installation) -> Iterator[CheckResult]:
    wanted = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "data_checksums": "on"}
    if not installation.durable:
        wanted = {"data_checksums": "on"}
    off = query_names(
        connection,
        "select name || ' = ' || setting from pg_settings where name = any(:names) and setting <> 'on'",
        names=list(wanted),
    )
    yield from check_result(
        "Ghi bền vững, có kiểm tra trang dữ liệu",
        "Durable writes, checksums of data pages",
        off,
        Text("bật lại", "switch it on again"),
    )


def check_clock(connection: Connection, _installation: Installation) -> Iterator[CheckResult]:
    there = connection.execute(text("select clock_timestamp()")).scalar_one()
    apart = abs((dt.datetime.now(dt.UTC) - there).total_seconds())
    faults = [f"{apart:.0f} s"] if apart > CLOCK_SKEW_S else []
    latest = connection.execute(text("select max(at) from app.journal")).scalar()
    if latest is not None and latest > there + dt.timedelta(seconds=CLOCK_SKEW_S):
        faults.append(f"nhật ký · journal {latest:%d/%m/%Y %H:%M}")
    yield from check_result(
        "Đồng hồ", "The clock", faults, Text("chỉnh giờ máy chủ (NTP)", "set the server's clock right (NTP)")
    )


def check_seals(connection: Connection, installation: Installation) -> Iterator[CheckResult]:
    """Old entries are left unsealed by a night without a server, so that they wait is no fault by itself."""
    if installation.anchor is None:
        return
    stands = seal_status(connection.connection.driver_connection, installation.anchor)  # type: ignore[arg-type]
    judged = {
        AnchorStatus.DIFFERS: CheckStatus.BAD,
        AnchorStatus.UNAVAILABLE: CheckStatus.POOR,
        AnchorStatus.BEHIND: CheckStatus.POOR,
    }
    told = f"{stands.batches} / {stands.unsealed}, anchor: {stands.anchor}"
    said = Text(f"đợt đã niêm phong / dòng chưa niêm phong: {told}", f"sealed batches / entries not sealed: {told}")
    yield CheckResult(
        Text("Nhật ký được niêm phong", "The journal is sealed"), judged.get(stands.anchor, CheckStatus.GOOD), said
    )


def check_disk(_connection: Connection, installation: Installation) -> Iterator[CheckResult]:
    usage = shutil.disk_usage(installation.data_dir)
    free = f"{usage.free / 1e9:.1f} GB"
    remedy = Text("giải phóng ổ đĩa", "free some space on the disk")
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
    weak = sorted(
        login
        for login, secret in (installation.secrets or {}).items()
        if secret.lower() in DEFAULT_SECRETS or secret == login
    )
    remedy = Text("đặt mật khẩu khác", "set another password")
    yield from check_result("Không có mật khẩu mặc định", "No default secret", weak, remedy)
    shown = [str(file) for file in installation.private_files if file.exists() and _is_readable_by_others(file)]
    yield from check_result(
        "Tệp khóa chỉ chủ sở hữu đọc được",
        "Only their owner can read the key files",
        shown,
        Text("chmod 600", "chmod 600"),
    )


def _is_readable_by_others(file: Path) -> bool:
    return bool(stat.S_IMODE(os.stat(file).st_mode) & 0o077)  # noqa: PTH116 - follows links, as a reader would
