"""2,000 random lives of a shop with ``kill -9`` in them, half on each engine; a few of them without ``--soak``.

The books are audited after each, and at rest every person's balance is what Stripe's side says it must be. A failure
prints its seed; ``--seed`` lives that life again.
"""

from pathlib import Path

import pytest

from tests.conftest import ENGINES, forget_settings, fresh_database
from tests.journeys.kill_schedule import Schedule, Shop
from tests.live import LiveServer
from tests.soaks import BATCH_SECONDS, seeds
from tests.zygote import Zygote

# Between them every kind of step and of kill.
SEEDS = (1, 2, 3)


@pytest.mark.timeout(BATCH_SECONDS)
@pytest.mark.parametrize("engine", ENGINES)
def test_random_schedules_with_kills_end_with_clean_books_and_where_stripe_says(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    zygote: Zygote,
    engine: str,
    batch: int,
):
    del batch
    with fresh_database(request, engine, tmp_path / "live") as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        forget_settings()
        with LiveServer(environment, zygote) as server:
            live_through(Shop(server), seeds(request.config, SEEDS))
            assert "promises hold" in server.command("audit", "--full")
        forget_settings()


def live_through(shop: Shop, chosen: list[int]) -> None:
    done: list[Schedule] = []
    for seed in chosen:
        with _naming(seed):
            done.append(Schedule(shop, seed))
            done[-1].run()
    with _naming(*chosen):
        shop.come_to_rest()
        shop.audit()
    for schedule in done:
        with _naming(schedule.seed):
            schedule.check_the_end()


class _naming:  # noqa: N801 - used as a word
    """Whatever is wrong inside, say the seeds that it came of."""

    def __init__(self, *seeds: int) -> None:
        self._seeds = seeds

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None:
            words = ", ".join(str(seed) for seed in self._seeds)
            raise AssertionError(f"the schedule with seed {words} failed; --seed lives it again") from error
