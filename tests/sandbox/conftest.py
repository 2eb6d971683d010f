"""The sandbox mounted as the product mounts it, served over real HTTP, beside a receiver of its webhooks."""

import pytest

from .world import World, serve


@pytest.fixture
async def world(tmp_path):
    world = World.at(tmp_path)
    async with serve(world):
        yield world
