"""The result of a check, and the installation that checks inspect."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Connection

from gis.schema.policy_model import Policy
from gis.text.i18n import Text


class CheckStatus(StrEnum):
    """Outcome of a check: ``POOR`` is a warning, ``BAD`` keeps the server from starting."""

    GOOD = "good"
    POOR = "poor"
    BAD = "bad"


@dataclass(frozen=True)
class CheckResult:
    """Name, outcome and detail of one check."""

    check: Text
    state: CheckStatus
    detail: Text


@dataclass(frozen=True)
class Installation:
    """What the checks inspect: the policy that should be in force, the files, and the secrets in use.

    ``command_line`` is how a user calls this program, for remedies; ``secrets`` are the logins' passwords by login.
    Without ``durable`` the settings for durable writes are not required; without ``anchor`` seals are not checked.
    """

    policy: Policy
    data_dir: Path
    command_line: str
    private_files: tuple[Path, ...] = ()
    secrets: Mapping[str, str] | None = None
    durable: bool = True
    anchor: Path | None = None

    @property
    def run_migrate(self) -> Text:
        """The remedy for a fault that ``migrate`` corrects."""
        return Text(f"chạy {self.command_line} migrate để khôi phục", f"run {self.command_line} migrate to restore it")


Check = Callable[[Connection, Installation], Iterator[CheckResult]]


def check_result(
    vi: str, en: str, faults: list[str], remedy: Text, *, worst: CheckStatus = CheckStatus.BAD
) -> Iterator[CheckResult]:
    """The result of the check named ``vi`` and ``en``: good without faults, else ``worst``, with faults and remedy."""
    check = Text(vi, en)
    if not faults:
        yield CheckResult(check, CheckStatus.GOOD, Text("đạt", "in order"))
        return
    listed = ", ".join(faults[:8]) + (" …" if len(faults) > 8 else "")  # noqa: PLR2004 - keeps the line readable
    yield CheckResult(check, worst, Text(f"{listed}; {remedy.vi}", f"{listed}; {remedy.en}"))


def query_names(connection: Connection, sql: str, **values: Any) -> list[str]:
    """The first column of a query as texts."""
    return [str(row[0]) for row in connection.execute(text(sql), values)]
