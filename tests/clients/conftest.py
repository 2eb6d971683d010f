from collections.abc import Iterator

import pytest

from tests.clients.ai_sdk import AiSdk
from tests.conftest import ENGINES, fresh_database
from tests.live import LiveServer
from tests.zygote import Zygote


@pytest.fixture(scope="session")
def ai_sdk() -> Iterator[AiSdk]:
    """The Vercel AI SDK, in a process of its own."""
    with AiSdk() as sdk:
        yield sdk


@pytest.fixture(params=ENGINES, scope="module")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, zygote: Zygote
) -> Iterator[LiveServer]:
    """A real server process with its sandbox on a fresh database, once on each engine; its module shares it."""
    folder = tmp_path_factory.mktemp("live")
    with fresh_database(request, request.param, folder) as environment, LiveServer(environment, zygote) as live:
        yield live
        live.audit()
