"""The connection goes away and comes back: what was written and sent is never lost, and is sent once."""

import re

from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser import walks
from tests.browser.website import Website
from tests.browser.windows import Windows

HELD = "sent once there is one"


def open_chat(page: Page) -> None:
    """A new chat, of which the page knows that it is one."""
    page.goto("/")
    expect(page.get_by_test_id("starter").first).to_be_visible()


def test_what_is_sent_without_a_network_is_kept_said_and_sent_once_when_it_is_back(page: Page, windows: Windows):
    windows.expect_complaint("ERR_INTERNET_DISCONNECTED")
    walks.join(page, mode="credits", dollars=10)
    open_chat(page)
    composer, lost = page.get_by_test_id("composer"), page.get_by_test_id("connection-lost")
    page.context.set_offline(True)
    expect(lost).to_be_visible()
    composer.fill("Name a river")
    composer.press("Enter")
    expect(page.get_by_test_id("held")).to_contain_text(HELD)
    expect(composer).to_have_value("Name a river")
    # Changed, it is a draft again.
    composer.press_sequentially(" or a lake")
    expect(page.get_by_test_id("held")).to_be_empty()
    page.context.set_offline(False)
    expect(lost).to_have_count(0)
    page.reload()
    expect(page.get_by_test_id("starter").first).to_be_visible()
    expect(composer).to_have_value("Name a river or a lake")
    expect(page.get_by_test_id("question-text")).to_have_count(0)

    page.context.set_offline(True)
    expect(lost).to_be_visible()
    composer.press("Enter")
    expect(page.get_by_test_id("held")).to_contain_text(HELD)
    page.context.set_offline(False)
    walks.await_end(page)
    expect(page.get_by_test_id("question-text")).to_have_text([re.compile("Name a river or a lake")])
    expect(composer).to_have_value("")
    expect(page.get_by_test_id("conversation")).to_have_count(1)
    page.reload()
    walks.await_end(page)
    expect(composer).to_have_value("")


class Line:
    """The socket of a page, on which what asks for a reply can be lost, or what comes back from then on."""

    def __init__(self, page: Page) -> None:
        self.loses_questions = self.loses_answers = self.is_slow = False
        self._on_the_way: list[tuple[WebSocketRoute, str | bytes]] = []
        page.route_web_socket(re.compile("/_event"), self._open)

    def _open(self, socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def ask(message: str | bytes) -> None:
            if not (self.loses_questions and "chat_state.send" in str(message)):
                server.send(message)

        def answer(message: str | bytes) -> None:
            if self.is_slow:
                self._on_the_way.append((socket, message))
            elif not self.loses_answers:
                socket.send(message)

        socket.on_message(ask)
        server.on_message(answer)

    def arrive(self) -> None:
        """What was slow is there."""
        self.is_slow = False
        for socket, message in self._on_the_way:
            socket.send(message)
        self._on_the_way.clear()


def test_what_is_typed_before_the_server_has_spoken_comes_after_the_draft(page: Page):
    line = Line(page)
    walks.join(page, mode="credits", dollars=10)
    open_chat(page)
    composer = page.get_by_test_id("composer")
    composer.fill("Half a thought")
    page.wait_for_function("localStorage.getItem('loom:draft:new') === 'Half a thought'")
    line.is_slow = True
    page.reload()
    composer.press_sequentially("and more")
    expect(composer).to_have_value("and more")
    line.arrive()
    expect(composer).to_have_value("Half a thought\nand more")
    page.reload()
    expect(composer).to_have_value("Half a thought\nand more")


def test_a_message_that_never_arrived_stands_in_the_field_after_a_reload_and_by_itself(page: Page):
    line = Line(page)
    walks.join(page, mode="credits", dollars=10)
    open_chat(page)
    composer = page.get_by_test_id("composer")
    line.loses_questions = True
    walks.send(page, "Name a river")
    expect(composer).to_have_value("")
    page.reload()
    expect(composer).to_have_value("Name a river")
    walks.send(page, "Name a lake")
    expect(composer).to_have_value("")
    expect(composer).to_have_value("Name a lake")
    line.loses_questions = False
    page.get_by_test_id("send").click()
    walks.await_end(page)
    expect(page.get_by_test_id("question-text")).to_have_text([re.compile("Name a lake")])
    page.reload()
    walks.await_end(page)
    expect(composer).to_have_value("")


def test_a_message_whose_answer_was_lost_is_not_given_back_to_be_sent_twice(page: Page):
    line = Line(page)
    walks.join(page, mode="credits", dollars=10)
    page.goto("/")
    walks.send(page, "Hello")
    walks.await_end(page)
    line.loses_answers = True
    walks.send(page, "Name a river")
    page.wait_for_timeout(2_000)
    line.loses_answers = False
    page.reload()
    walks.await_end(page, replies=2)
    expect(page.get_by_test_id("question-text")).to_have_text([re.compile("Hello"), re.compile("Name a river")])
    expect(page.get_by_test_id("composer")).to_have_value("")


def test_a_server_that_is_away_is_said_by_the_page_s_own_strip_alone(page: Page, windows: Windows, site: Website):
    windows.expect_complaint("ERR_CONNECTION_RE")  # refused, or reset where something was being asked
    windows.expect_complaint("WebSocket")
    walks.join(page, mode="credits", dollars=10)
    open_chat(page)
    expect(page.get_by_text("Your conversations will be listed here.")).to_be_visible()
    page.wait_for_load_state("networkidle")
    site.kill()
    lost = page.get_by_test_id("connection-lost")
    expect(lost).to_be_visible()
    page.get_by_test_id("composer").fill("Name a river")
    page.get_by_test_id("composer").press("Enter")
    expect(page.get_by_test_id("held")).to_contain_text(HELD)
    # Reflex's own toast would have come with the second attempt.
    page.wait_for_timeout(1_500)
    expect(page.get_by_test_id("toast")).to_have_count(0)
    expect(page.locator(".lucide-wifi-off")).to_have_count(0)
    site.start()
    expect(lost).to_have_count(0, timeout=30_000)
    walks.await_end(page)
    expect(page.get_by_test_id("question-text")).to_have_text([re.compile("Name a river")])
