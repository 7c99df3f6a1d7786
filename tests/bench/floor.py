"""The floor: the transactions that the server was seen to run, asked of PostgreSQL without a server between.

PostgreSQL writes down every statement for a moment (``log_statement``) while the server answers each address once.
What stood between BEGIN and COMMIT, its values as literals, is the transaction that pgbench repeats.
"""

import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from national import administrator

from gis.cluster.private_cluster import Cluster

LOGGED_STATEMENT: Final = re.compile(r"^(?:statement|execute [^:]*): (?P<sql>.*)$", re.DOTALL)
LOGGED_PARAMETER: Final = re.compile(r"\$(\d+) = (NULL|'(?:[^']|'')*')")
TRANSACTION_ENDS: Final = ("COMMIT", "ROLLBACK")
TAKES_ROLE: Final = "set_config('role'"
RESETS_ROLE: Final = "set_config('role', 'none'"
"""Writing down who has been given what is restricted takes no role; it is no part of the question."""

LOG_DELAY_S: Final = 0.3
"""After an answer what was done for it stands in the log."""


def transactions(cluster: Cluster, request: Callable[[str], None], urls: Sequence[str]) -> list[list[str]]:
    """What the server does in PostgreSQL for each address, as one transaction without its ends: context, statements."""
    results = []
    with _statement_log(cluster) as lines:
        for address in urls:
            before = len(lines())
            request(address)
            time.sleep(LOG_DELAY_S)
            done = _concatenate(_transactions(lines()[before:]))
            if not done:
                raise RuntimeError(f"no transaction was seen for {address}")
            results.append(done)
    return results


def pgbench_script(statements: Sequence[str]) -> str:
    """A transaction as pgbench reads it, a statement to a line."""
    return "".join(f"{' '.join(item.split())};\n" for item in ("begin", *statements, "commit"))


def as_superuser(statements: Sequence[str]) -> list[str]:
    """The same for the administrator in the own role, whom no policy holds up."""
    return [re.sub(r"set_config\('role', *'\w+'", "set_config('role', 'postgres'", item) for item in statements]


def write_statements(statements: Sequence[str]) -> list[str]:
    """The context and what is written, without what the server looks up on the way."""
    return [item for item in statements if re.match(r"\s*(insert|update|select set_config)", item, re.IGNORECASE)]


@contextmanager
def _statement_log(cluster: Cluster) -> Iterator[Callable[[], list[dict[str, str]]]]:
    """Have PostgreSQL write down what its clients ask, and give what it has written so far."""
    names = {"log_destination": "jsonlog", "log_statement": "all"}
    with administrator(cluster) as connection:
        for name, value in names.items():
            connection.execute(f"alter system set {name} = '{value}'")
        connection.execute("select pg_reload_conf()")
    time.sleep(0.5)

    def lines() -> list[dict[str, str]]:
        written = sorted(cluster.cluster_dir.glob("log/*.json"), key=lambda item: item.stat().st_mtime)
        return [json.loads(line) for file in written for line in _whole_lines(file)]

    try:
        yield lines
    finally:
        with administrator(cluster) as connection:
            for name in names:
                connection.execute(f"alter system reset {name}")
            connection.execute("select pg_reload_conf()")


def _whole_lines(file: Path) -> list[str]:
    return file.read_text(errors="replace").rpartition("\n")[0].splitlines()


def _transactions(lines: Sequence[dict[str, str]]) -> list[list[str]]:
    """The finished transactions in somebody's name that asked anything, from among what several clients did."""
    open_: dict[int, list[str]] = {}
    results: list[list[str]] = []
    for line in lines:
        seen = LOGGED_STATEMENT.match(line.get("message", ""))
        if seen is None or not line.get("user", "").startswith("cotmoc_"):
            continue
        sql, client = seen["sql"].strip().rstrip(";"), int(line["pid"])
        verb = sql.split()[0].upper() if sql else ""
        # What is sent in one piece is a transaction without BEGIN and COMMIT; it begins by taking a role.
        if verb == "BEGIN" or (TAKES_ROLE in sql and open_.get(client) != []):
            open_[client] = []
            results.append(open_[client])
        if client in open_ and verb not in ("BEGIN", *TRANSACTION_ENDS):
            open_[client].append(_inline_parameters(sql, line.get("detail", "")))
        if verb in (*TRANSACTION_ENDS, "COPY"):  # a download ends by closing its connection
            open_.pop(client, None)
    return [item for item in results if len(item) > 1 and TAKES_ROLE in item[0] and RESETS_ROLE not in item[0]]


def _concatenate(transactions: Sequence[list[str]]) -> list[str]:
    """Questions that the server asks one after the other are one transaction here: the context, then all of them."""
    if not transactions:
        return []
    first, *others = transactions
    return [*first, *(statement for other in others for statement in other[1:])]


def _inline_parameters(sql: str, detail: str) -> str:
    """A statement with its values written into it."""
    values = {int(number): value for number, value in LOGGED_PARAMETER.findall(detail)}
    return re.sub(r"\$(\d+)", lambda place: values.get(int(place[1]), place[0]), sql)


IDEMPOTENCY_KEY: Final = "recorded"
"""The idempotency key of the create that is recorded."""

RANDOM_VARIABLE: Final = "\\set n random(1, 70000000000000)\n"
"""Names what a create makes: two of the same among so many do not happen."""

UUID_LITERAL: Final = re.compile(r"'[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'")


def create_script(statements: Sequence[str]) -> str:
    """A create's writes as pgbench repeats them: identity, code and key are new each time."""
    created = pgbench_script(write_statements(statements))
    identity = next(
        value
        for item in statements
        if "insert into app.incidents" in item.lower()
        for value in UUID_LITERAL.findall(item)
    )
    created = created.replace(identity, "('00000000-0000-4000-8000-' || lpad(to_hex(:n::bigint), 12, '0'))::uuid")
    created = re.sub(r"'(SV-\d+-)\d+'", r"('\1' || :n::bigint)", created)
    return RANDOM_VARIABLE + created.replace(f"'{IDEMPOTENCY_KEY}'", "('k' || :n::bigint)")
