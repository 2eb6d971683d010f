from collections.abc import Iterator

import pytest

from projectloom.clerk.keys import signing_keys
from tests.clerk_double import ClerkDouble, clerk_double
from tests.conftest import forget_settings

HERE = "http://localhost:3000"


@pytest.fixture
def clerk(monkeypatch: pytest.MonkeyPatch) -> Iterator[ClerkDouble]:
    """An instance of Clerk's that this process is configured for."""
    with clerk_double() as double:
        for name, value in double.environment.items():
            monkeypatch.setenv(name, value)
        forget_settings()
        signing_keys.cache_clear()
        yield double
        signing_keys.cache_clear()
