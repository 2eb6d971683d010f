"""Two servers behind one address: a page goes on at the other when its own is replaced, and after it was killed."""

import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.walks import LONG, await_end, await_length, join, reply, send
from tests.browser.website import Website
from tests.browser.windows import WAIT_MS, Windows
from tests.conftest import fresh_database

# Two servers start, and the first of them may have to build the pages.
pytestmark = pytest.mark.timeout(300)

# A server that died is waited for as long as its lease lasts, and on a loaded machine somewhat longer.
RECOVERED_MS = 60_000


class Front:
    """What stands before the servers: it takes connections at one port and passes them on to the one that is chosen."""

    def __init__(self) -> None:
        self.to = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.url = f"http://localhost:{self.port}"
        threading.Thread(target=self._take, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _take(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(("127.0.0.1", self.to)) as server:
            back = threading.Thread(target=_copy, args=(server, client), daemon=True)
            back.start()
            _copy(client, server)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65_536):
            target.sendall(piece)
    # Whichever side ends, ends the other.
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def two_sites(request: pytest.FixtureRequest, folder: Path, redis_url: str) -> Iterator[tuple[Front, Website, Website]]:
    front = Front()
    with fresh_database(request, "postgres", folder) as environment:
        shared = {
            **environment,
            "REDIS_URL": redis_url,
            "SECRET_KEY": "a secret that both of the sites share",
            "BASE_URL": front.url,
        }
        # On one machine they may also share the sandbox's own file, which stands in for what is outside.
        sites = [Website(folder), Website(folder)]
        for site in sites:
            site.environment |= shared
        try:
            for site in sites:
                site.start()
            front.to = sites[0].port
            yield front, *sites
        finally:
            for site in sites:
                site.stop()
            front.close()


@pytest.fixture
def pair(request, tmp_path: Path, redis_url: str) -> Iterator[tuple[Front, Website, Website]]:
    with two_sites(request, tmp_path, redis_url) as found:
        yield found


@contextmanager
def opened(chromium: Browser, front: Front) -> Iterator[Windows]:
    expect.set_options(timeout=WAIT_MS)
    windows = Windows(chromium, front.url)
    # Until it is passed on to the other one, whatever a page asks of the first fails.
    windows.expect_complaint("ERR_")
    windows.expect_complaint("WebSocket")
    try:
        yield windows
    finally:
        windows.close()
    assert not windows.troubles, "\n".join(windows.troubles)


def test_a_page_goes_on_at_another_server_when_its_own_is_killed_in_mid_reply(pair, chromium: Browser):
    front, first, second = pair
    with opened(chromium, front) as windows:
        page = windows.open()
        join(page, mode="credits", dollars=10)
        page.goto("/")
        send(page, LONG)
        # Some seconds of text, so that there are checkpoints.
        written = await_length(page, 1_500)
        front.to = second.port
        first.kill()
        # What had come stays, is charged, and says that it was cut.
        expect(page.locator("[data-live=yes]")).to_have_count(0, timeout=RECOVERED_MS)
        await_end(page)
        assert reply(page).inner_text().startswith(written[:200])
        note = page.get_by_test_id("reply-note")
        expect(note).to_have_text(re.compile(r"^Cut off before the end\. You pay only for what arrived: [\d.]+ ¢\.$"))
        # And the conversation goes on at the other server.
        send(page, "Say hello")
        await_end(page, replies=2)
    second.audit()


def test_a_page_keeps_what_it_shows_when_its_server_is_replaced(pair, chromium: Browser):
    front, first, second = pair
    with opened(chromium, front) as windows:
        page = windows.open()
        join(page, mode="credits", dollars=10)
        page.goto("/")
        send(page, "Say hello")
        await_end(page)
        page.get_by_test_id("composer").fill("What I was about to ask")
        front.to = second.port
        assert first.process is not None
        os.killpg(first.process.pid, signal.SIGTERM)
        assert first.process.wait(30) == 0
        page.get_by_test_id("send").click()
        await_end(page, replies=2)
        expect(page.get_by_text("What I was about to ask").first).to_be_visible()
    second.audit()
