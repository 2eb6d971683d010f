"""How an engine would answer what the product asked of it, where it has an index to choose."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, event


def plans_of(books: Engine, act: Callable[[], object]) -> list[str]:
    """The plan of each question that ``act`` asks, in order."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH")):
            asked.append((statement, parameters))

    event.listen(books, "before_cursor_execute", note)
    act()
    event.remove(books, "before_cursor_execute", note)
    on_postgres = books.dialect.name == "postgresql"
    with books.begin() as connection:
        if on_postgres:
            # Tables of a test are so small that Postgres would rather read them whole and sort them.
            for way in ("enable_seqscan", "enable_sort"):
                connection.exec_driver_sql(f"SET LOCAL {way} = off")
        explain = "EXPLAIN " if on_postgres else "EXPLAIN QUERY PLAN "
        return [
            "\n".join(str(tuple(row)) for row in connection.exec_driver_sql(explain + statement, parameters))
            for statement, parameters in asked
        ]
