"""The sandbox mounted as the product mounts it, served over real HTTP, beside a receiver of its webhooks."""

import pytest

from .talking import Claude, Gpt
from .world import World, serve


@pytest.fixture
async def world(tmp_path):
    world = World.at(tmp_path)
    async with serve(world):
        yield world


@pytest.fixture(params=[Claude, Gpt])
def talk(request, world: World):
    """A fresh conversation with either provider, as often as it is called."""
    return lambda: request.param(world)
