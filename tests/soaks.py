"""Random schedules: which of them a run lives, a few in every test run and a thousand on each engine with --soak."""

import random
from collections.abc import Sequence

import pytest

# A fresh database now and then, so that what an audit reads stays small.
SOAK_BATCHES, BATCH = 20, 50
BATCH_SECONDS = 3_600


def share_out(metafunc: pytest.Metafunc) -> None:
    """Give a test that takes a ``batch`` all of them with --soak, else one."""
    if "batch" in metafunc.fixturenames:
        soak = metafunc.config.getoption("--soak") and metafunc.config.getoption("--seed") is None
        metafunc.parametrize("batch", range(SOAK_BATCHES if soak else 1))


def seeds(config: pytest.Config, fixed: Sequence[int]) -> list[int]:
    """The one that is asked for, the fixed ones and a new one, or with --soak new ones only."""
    asked: int | None = config.getoption("--seed")
    if asked is not None:
        return [asked]
    fresh = random.SystemRandom()
    if config.getoption("--soak"):
        return [fresh.randrange(10**9) for _ in range(BATCH)]
    return [*fixed, fresh.randrange(10**9)]
