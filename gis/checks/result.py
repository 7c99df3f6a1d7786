"""The result of a check, and what checks are given."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Connection

from gis.schema.policy_model import Policy
from gis.text.i18n import Text

RUN_MIGRATE = Text("chạy ./cotmoc migrate để khôi phục", "run ./cotmoc migrate to restore it")


class CheckStatus(StrEnum):
    """How a thing stands."""

    GOOD = "good"
    POOR = "poor"
    BAD = "bad"


@dataclass(frozen=True)
class CheckResult:
    """What one check has found."""

    check: Text
    state: CheckStatus
    detail: Text


@dataclass(frozen=True)
class Installation:
    """What is examined: the policy that should stand, where files lie, which secrets are in use."""

    policy: Policy
    data_dir: Path
    private_files: tuple[Path, ...] = ()
    secrets: Mapping[str, str] | None = None
    durable: bool = True
    anchor: Path | None = None


Check = Callable[[Connection, Installation], Iterator[CheckResult]]


def check_result(
    vi: str, en: str, faults: list[str], remedy: Text = RUN_MIGRATE, *, worst: CheckStatus = CheckStatus.BAD
) -> Iterator[CheckResult]:
    """One finding of a check: good where there are no faults, else their names and what helps."""
    check = Text(vi, en)
    if not faults:
        yield CheckResult(check, CheckStatus.GOOD, Text("đạt", "in order"))
        return
    named = ", ".join(faults[:8]) + (" …" if len(faults) > 8 else "")  # noqa: PLR2004 - enough to find them by
    yield CheckResult(check, worst, Text(f"{named}; {remedy.vi}", f"{named}; {remedy.en}"))


def query_names(connection: Connection, sql: str, **values: Any) -> list[str]:
    return [str(row[0]) for row in connection.execute(text(sql), values)]
