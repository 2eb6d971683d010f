from collections.abc import Iterator

import httpx
import pytest

from projectloom import db
from projectloom.config import settings
from projectloom.ids import new_id
from tests.live import LiveServer


def fresh_email() -> str:
    return f"{new_id('p').lower()}@example.org"


@pytest.fixture(scope="module")
def ada(server: LiveServer) -> httpx.Client:
    """Somebody who pays with credits and has none, for every test of the module."""
    return server.sign_up(fresh_email(), mode="credits")


@pytest.fixture
def inside(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process works on the server's own database."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    for name in ("LOOM_DATA_DIR", "DATABASE_URL"):
        if name in server.environment:
            monkeypatch.setenv(name, server.environment[name])
    settings.cache_clear()
    db.engine.cache_clear()
    yield
    db.engine().dispose()
