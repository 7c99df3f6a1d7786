"""The floor: the transactions that the server runs for a request, repeated by pgbench without the server.

PostgreSQL logs every statement (``log_statement``) while the server answers each URL once. The statements between
BEGIN and COMMIT, with their parameters as literals, are the transaction that pgbench repeats.
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
SETS_ROLE: Final = "set_config('role'"
RESETS_ROLE: Final = "set_config('role', 'none'"
"""An access log write resets the role to none; its transaction is not part of the read and is left out."""

LOG_DELAY_S: Final = 0.3
"""Seconds after an answer by which its statements are in the log."""


def transactions(cluster: Cluster, request: Callable[[str], None], urls: Sequence[str]) -> list[list[str]]:
    """The statements that the server runs for each URL, as one transaction without BEGIN and COMMIT."""
    recorded = []
    with _statement_log(cluster) as entries:
        for url in urls:
            before = len(entries())
            request(url)
            time.sleep(LOG_DELAY_S)
            statements = _concatenate(_transactions(entries()[before:]))
            if not statements:
                raise RuntimeError(f"no transaction was logged for {url}")
            recorded.append(statements)
    return recorded


def pgbench_script(statements: Sequence[str]) -> str:
    """A transaction as a pgbench script, a statement to a line."""
    return "".join(f"{' '.join(statement.split())};\n" for statement in ("begin", *statements, "commit"))


def as_superuser(statements: Sequence[str]) -> list[str]:
    """The same statements as superuser, to whom no row policy applies."""
    return [
        re.sub(r"set_config\('role', *'\w+'", "set_config('role', 'postgres'", statement) for statement in statements
    ]


def write_statements(statements: Sequence[str]) -> list[str]:
    """The session settings and the writes of a transaction, without its reads."""
    writes = re.compile(r"\s*(insert|update|select set_config)", re.IGNORECASE)
    return [statement for statement in statements if writes.match(statement)]


@contextmanager
def _statement_log(cluster: Cluster) -> Iterator[Callable[[], list[dict[str, str]]]]:
    """Let PostgreSQL log all statements as JSON; gives a function that reads the entries so far."""
    names = {"log_destination": "jsonlog", "log_statement": "all"}
    with administrator(cluster) as connection:
        for name, value in names.items():
            connection.execute(f"alter system set {name} = '{value}'")
        connection.execute("select pg_reload_conf()")
    time.sleep(0.5)

    def entries() -> list[dict[str, str]]:
        files = sorted(cluster.cluster_dir.glob("log/*.json"), key=lambda file: file.stat().st_mtime)
        return [json.loads(line) for file in files for line in _whole_lines(file)]

    try:
        yield entries
    finally:
        with administrator(cluster) as connection:
            for name in names:
                connection.execute(f"alter system reset {name}")
            connection.execute("select pg_reload_conf()")


def _whole_lines(file: Path) -> list[str]:
    return file.read_text(errors="replace").rpartition("\n")[0].splitlines()


def _transactions(entries: Sequence[dict[str, str]]) -> list[list[str]]:
    """The logged transactions of an actor that hold a statement besides the role setting, of all clients."""
    open_transactions: dict[int, list[str]] = {}
    transactions: list[list[str]] = []
    for entry in entries:
        logged = LOGGED_STATEMENT.match(entry.get("message", ""))
        if logged is None or not entry.get("user", "").startswith("cotmoc_"):
            continue
        sql, client = logged["sql"].strip().rstrip(";"), int(entry["pid"])
        verb = sql.split()[0].upper() if sql else ""
        # A pipeline is an implicit transaction without BEGIN and COMMIT; it begins by setting the role.
        if verb == "BEGIN" or (SETS_ROLE in sql and open_transactions.get(client) != []):
            open_transactions[client] = []
            transactions.append(open_transactions[client])
        if client in open_transactions and verb not in ("BEGIN", *TRANSACTION_ENDS):
            open_transactions[client].append(_inline_parameters(sql, entry.get("detail", "")))
        if verb in (*TRANSACTION_ENDS, "COPY"):  # a download closes its connection without COMMIT
            open_transactions.pop(client, None)
    return [
        statements
        for statements in transactions
        if len(statements) > 1 and SETS_ROLE in statements[0] and RESETS_ROLE not in statements[0]
    ]


def _concatenate(transactions: Sequence[list[str]]) -> list[str]:
    """Join successive transactions of one request into one: the settings of the first, then all statements."""
    if not transactions:
        return []
    first, *others = transactions
    return [*first, *(statement for other in others for statement in other[1:])]


def _inline_parameters(sql: str, detail: str) -> str:
    """A statement with its logged parameters as literals."""
    values = {int(number): value for number, value in LOGGED_PARAMETER.findall(detail)}
    return re.sub(r"\$(\d+)", lambda match: values.get(int(match[1]), match[0]), sql)


IDEMPOTENCY_KEY: Final = "recorded"
"""The idempotency key of the create that is recorded."""

RANDOM_VARIABLE: Final = "\\set n random(1, 70000000000000)\n"
"""A random number for the id, code and key of each create, from a range in which collisions are negligible."""

UUID_LITERAL: Final = re.compile(r"'[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'")


def create_script(statements: Sequence[str]) -> str:
    """A create's writes as a pgbench script with a new id, code and idempotency key each time."""
    script = pgbench_script(write_statements(statements))
    identity = next(
        value
        for statement in statements
        if "insert into app.incidents" in statement.lower()
        for value in UUID_LITERAL.findall(statement)
    )
    script = script.replace(identity, "('00000000-0000-4000-8000-' || lpad(to_hex(:n::bigint), 12, '0'))::uuid")
    script = re.sub(r"'(SV-\d+-)\d+'", r"('\1' || :n::bigint)", script)
    return RANDOM_VARIABLE + script.replace(f"'{IDEMPOTENCY_KEY}'", "('k' || :n::bigint)")
