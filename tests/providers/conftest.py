"""Connections are closed after each test, as the application does at its end."""

from collections.abc import AsyncIterator

import pytest_asyncio

from projectloom.providers import close_providers


@pytest_asyncio.fixture(autouse=True)
async def closed_connections() -> AsyncIterator[None]:  # pyright: ignore[reportUnusedFunction]
    yield
    await close_providers()
