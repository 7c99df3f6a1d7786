"""Composition of SELECT from its clauses: all SQL that is built from declared names and expressions goes through here.

The clauses are SQL of this program, never text of a request: values from requests are bound as parameters.
"""

from collections.abc import Iterable


def select_sql(
    columns: str | Iterable[str],
    source: str,
    conditions: Iterable[str] = (),
    *,
    group_by: str = "",
    order_by: str = "",
    limit: int | None = None,
) -> str:
    """The SQL of a SELECT of ``columns`` from ``source`` where all ``conditions`` hold."""
    listed = columns if isinstance(columns, str) else ", ".join(columns)
    where = " and ".join(conditions)
    return (
        f"select {listed} from {source}"
        + (f" where {where}" if where else "")
        + (f" group by {group_by}" if group_by else "")
        + (f" order by {order_by}" if order_by else "")
        + (f" limit {limit}" if limit is not None else "")
    )
