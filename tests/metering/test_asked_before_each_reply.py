"""What is asked before each reply is answered from an index of just those rows, whatever its person asked before."""

import pytest
from sqlalchemy import Engine, text
from sqlmodel import col, func, select

from projectloom.metering.models import Turn, is_open

ASKED = {
    "ix_turns_open": "SELECT count(*) FROM turns t WHERE t.user_id = 'usr' AND t.state IN ('held', 'streaming')",
    "ix_turns_stopped": "SELECT count(*) FROM turns t WHERE t.state = 'voided' AND t.lease_until >= '2026-01-01' "
    "AND t.user_id = 'usr' AND t.completion = 'stopped' AND t.funding = 'credits'",
    "ix_usage_records_lost": "SELECT sum(u.provider_cost_nanos) FROM usage_records u WHERE u.user_id = 'usr' "
    "AND u.funding = 'credits' AND u.charged_nanos = 0 AND u.created_at >= '2026-01-01'",
}


def plan_of(engine: Engine, query: str) -> str:
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            rows = connection.execute(text(f"EXPLAIN QUERY PLAN {query}")).all()
            return "\n".join(str(row[-1]) for row in rows)
        connection.execute(text("SET enable_seqscan = off"))
        return "\n".join(str(row[0]) for row in connection.execute(text(f"EXPLAIN {query}")).all())


@pytest.mark.parametrize("index", ASKED)
def test_the_quick_path_asks_an_index_of_just_those_rows(books: Engine, index: str):
    assert index in plan_of(books, ASKED[index])


def test_the_slower_path_says_open_in_the_words_of_the_index(books: Engine):
    query = select(func.count()).select_from(Turn).where(col(Turn.user_id) == "usr", is_open())
    words = str(query.compile(books, compile_kwargs={"literal_binds": True}))
    assert "ix_turns_open" in plan_of(books, words)
