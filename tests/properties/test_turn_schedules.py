"""Random schedules of replies: two thousand with ``--soak``, half on each engine; a few of them without.

Every fault of a provider, of the database and of a process that is believed dead meets stops, watchers, caps, prices,
payers and keys that change. Each schedule is checked against a plain model and the books' own audit. A failing one
prints its seed, and ``--seed`` lives it again.
"""

import pytest
from sqlalchemy import Engine

from projectloom import db, limits
from projectloom.config import settings
from projectloom.group_commit import close_committers
from projectloom.jobs.audit import report
from projectloom.operating.audit import audit
from projectloom.providers import close_providers
from tests.conftest import forget_settings
from tests.properties.turn_people import PlannedProvider
from tests.properties.turn_schedule import Schedule
from tests.soaks import BATCH_SECONDS, seeds

SEEDS = (1, 6, 8)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, books: Engine) -> None:
    """Waits of a fraction of a second in place of seconds, and few replies at once."""
    del books
    short = {
        "CHECKPOINT_SECONDS": 0.05,
        "SETTLE_RETRY_SECONDS": 0.02,
        "SETTLE_RETRY_MOST_SECONDS": 0.1,
        "WATCH_POLL_SECONDS": 0.02,
        "FRAME_SECONDS": 0.005,
        "PROVIDER_STALL_SECONDS": 30.0,
        "SQLITE_BUSY_SECONDS": 0.25,
        "POSTGRES_LOCK_SECONDS": 0.2,
        "MAX_RUNNING_TURNS_PER_PERSON": 4,
    }
    for name, value in short.items():
        monkeypatch.setattr(limits, name, value)
    # Connections of the engine that is there have the long waits.
    db.engine().dispose()
    db.engine.cache_clear()
    # Now, since settings of the test's own name another file.
    db.engine()


@pytest.mark.timeout(BATCH_SECONDS)
@pytest.mark.usefixtures("quick")
async def test_random_schedules_of_replies_and_faults_end_with_clean_books_and_where_the_model_says(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, batch: int
):
    del batch
    for seed in seeds(request.config, SEEDS):
        async with PlannedProvider() as provider:
            for name, value in {
                "OPENAI_API_KEY": "sk-operator-0123456789",
                "OPENAI_BASE_URL": f"{provider.url}/v1",
                "ANTHROPIC_API_KEY": "sk-ant-operator-0123456789",
                "ANTHROPIC_BASE_URL": provider.url,
            }.items():
                monkeypatch.setenv(name, value)
            settings.cache_clear()
            try:
                await Schedule(provider, seed).run()
            except BaseException as error:
                raise AssertionError(f"the schedule with seed {seed} failed; --seed lives it again") from error
            finally:
                await close_committers()
                await close_providers()
    found = audit(full=True)
    assert found.holds, report(found.checks)
    forget_settings()
