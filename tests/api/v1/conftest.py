"""One real server for each module, with people who have credit and a key."""

from collections.abc import Callable, Iterator

import pytest

from tests.api.v1.programs import Program
from tests.conftest import ENGINES, fresh_database
from tests.live import LiveServer
from tests.zygote import Zygote


@pytest.fixture(params=ENGINES, scope="module")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, zygote: Zygote
) -> Iterator[LiveServer]:
    """A real server process with its sandbox on a fresh database; the books are proven when its module is done."""
    folder = tmp_path_factory.mktemp("live")
    with fresh_database(request, request.param, folder) as environment, LiveServer(environment, zygote) as live:
        yield live
        live.command("audit", "--full")


@pytest.fixture
def program(server: LiveServer) -> Iterator[Callable[..., Program]]:
    """Somebody new with a program each time it is called. Their books are looked at when the test is done."""
    made: list[Program] = []

    def make(**options: int | str) -> Program:
        made.append(Program(server, **options))
        return made[-1]

    yield make
    for one in made:
        one.check_books()
        one.close()


@pytest.fixture(scope="module")
def ada(server: LiveServer) -> Iterator[Program]:
    """Somebody with credit, for every test of the module that minds nobody else's replies."""
    one = Program(server)
    yield one
    one.check_books()
    one.close()
