"""Replies: how they stream, stop, survive, and how little they may do to the page."""

import itertools
import json
import re
from collections.abc import Callable
from decimal import Decimal
from statistics import median

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser import walks


def stop_with_button(page: Page) -> None:
    page.get_by_test_id("stop").click()


def stop_with_escape(page: Page) -> None:
    page.keyboard.press("Escape")


@pytest.mark.parametrize("stop", [stop_with_button, stop_with_escape])
def test_stop_keeps_the_text_says_so_and_costs_less_than_was_held(page: Page, stop: Callable[[Page], None]):
    walks.join(page, mode="credits", dollars=10)
    page.goto("/")
    walks.send(page, walks.LONG)
    before = walks.await_length(page, 400)
    stop(page)
    note = page.get_by_test_id("reply-note")
    expect(note).to_contain_text("Stopped.")
    expect(note).to_contain_text("¢ of at most")
    expect(page.get_by_test_id("send")).to_be_visible()
    walks.await_end(page)
    expect(page.get_by_test_id("announcement")).to_contain_text("The reply did not finish. Stopped.")
    after = walks.reply(page).inner_text()
    assert after.startswith(before[:300])
    assert len(before) <= len(after) + 5 < 4_000

    receipt = walks.read_receipt(page)
    taken, held = walks.dollars(receipt["Taken from your balance"]), walks.dollars(receipt["Held at most"])
    assert 0 < taken < held
    assert Decimal(walks.balance(page)["balanceUsd"]) == 10 - taken
    page.reload()
    expect(walks.reply(page)).to_contain_text(before[:100].split("\n")[0])
    expect(page.get_by_test_id("reply-note")).to_contain_text("Stopped.")


def test_a_reply_survives_reload_in_mid_stream_and_another_tab_sees_the_same(page: Page):
    walks.join(page, mode="credits", dollars=10)
    page.goto("/")
    walks.send(page, walks.LONG)
    before = walks.await_length(page, 600)
    page.reload()
    expect(page.get_by_test_id("stop")).to_be_visible()
    resumed = walks.await_length(page, 1_200)
    assert resumed.startswith(before[:500])
    tab = page.context.new_page()
    tab.goto(page.url)
    assert walks.await_length(tab, 1_500).startswith(before[:500])
    assert tab.locator("[data-live=yes]").count() == 1, "the other tab came in mid-stream"

    walks.await_end(page)
    walks.await_end(tab)
    whole = walks.reply(page).inner_text()
    assert len(whole) > 6_000
    assert whole == walks.reply(tab).inner_text()
    assert walks.read_receipt(page) == walks.read_receipt(tab)
    cost = walks.dollars(walks.read_receipt(page)["Total"])
    found = walks.balance(page)
    assert (Decimal(found["balanceUsd"]), Decimal(found["lifetimeSpentUsd"])) == (10 - cost, cost)
    page.reload()
    expect(walks.reply(page)).to_have_text(walks.reply(tab).text_content() or "")


def test_another_conversation_can_be_used_while_a_reply_is_being_written(page: Page):
    walks.join(page, mode="credits", dollars=10)
    page.goto("/")
    walks.send(page, walks.LONG)
    walks.await_length(page, 100)
    page.get_by_test_id("new-chat").click()
    expect(page.get_by_test_id("reply-text")).to_have_count(0)
    walks.send(page, "Hello")
    walks.await_end(page)
    expect(walks.reply(page)).to_contain_text("sandbox")
    page.get_by_test_id("conversation").filter(has_text="long essay").click()
    expect(page.get_by_test_id("question-text")).to_have_text(re.compile(walks.LONG))
    walks.await_length(page, 1_000)
    page.get_by_test_id("stop").click()
    walks.await_end(page)


def test_what_is_typed_while_the_page_loads_or_a_chat_begins_stays_where_it_was_typed(page: Page):
    walks.join(page, mode="credits", dollars=10)
    composer = page.get_by_test_id("composer")
    page.goto("/", wait_until="commit")
    composer.fill("Hello")
    expect(page.get_by_test_id("balance-pill")).to_be_visible()
    expect(composer).to_have_value("Hello")
    page.get_by_test_id("send").click()
    composer.press_sequentially("And then what?", delay=20)
    expect(page).to_have_url(re.compile("/c/"))
    walks.await_end(page)
    expect(composer).to_have_value("And then what?")
    expect(composer).to_be_focused()

    page.goto(page.url, wait_until="commit")
    expect(composer).to_have_value("And then what?")
    page.get_by_test_id("new-chat").click()
    expect(composer).to_have_value("")
    page.get_by_test_id("conversation").click()
    expect(composer).to_have_value("And then what?")
    composer.press("Enter")
    walks.await_end(page, replies=2)
    expect(composer).to_have_value("")


# Every frame that a page's event streams bring: when, and how many characters of reply it carries.
_COUNT_FRAMES = """
window.frames_seen = [];
window.EventSource = class extends EventSource {
  constructor(...where) {
    super(...where);
    this.addEventListener("message", ({ data }) => {
      frames_seen.push([performance.now(), JSON.parse(data).length]);
    });
  }
};
"""


def test_a_reply_streams_about_every_50_ms_and_nothing_is_sent_twice(page: Page):
    walks.join(page, mode="credits", dollars=10)
    received: list[int] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))))
    page.add_init_script(_COUNT_FRAMES)
    page.goto("/")
    expect(page.get_by_test_id("balance-pill")).to_be_visible()
    page.wait_for_load_state("networkidle")
    walks.watch_reply(page)
    received.clear()
    walks.send(page, walks.LONG)
    walks.await_length(page, 2_000)
    at_first = sum(received)
    walks.await_length(page, 6_000)
    assert sum(received) - at_first < 500, "nothing of the text goes through the page's state"
    page.get_by_test_id("stop").click()
    walks.await_end(page)

    seen = walks.what_was_seen(page)["texts"]
    seconds = (seen[-1][0] - seen[0][0]) / 1_000
    assert len(seen) / seconds >= 8, f"{len(seen)} updates in {seconds:.1f} s"
    frames = page.evaluate("frames_seen")
    gaps = [later - earlier for (earlier, _), (later, _) in itertools.pairwise(frames)]
    assert 30 <= median(gaps) <= 100, f"half of the frames came after {median(gaps):.0f} ms"
    length = len(_stored_text(page))
    # A new chat gets its address as its first reply begins; the page that takes over asks for what came before it once.
    assert length <= sum(size for _, size in frames) < length + 500
    assert sum(received) < 1.5 * length + 20_000


def _stored_text(page: Page) -> str:
    turn = walks.reply(page).get_attribute("data-turn")
    stream = page.request.get(f"/api/turns/{turn}/stream").text()
    parts = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: {")]
    return "".join(part["delta"] for part in parts if part["type"] == "text-delta")


HOSTILE = """<script>window.hacked=1</script> <img src=x onerror="window.hacked=2">
<svg onload="window.hacked=3"></svg> <iframe src="http://127.0.0.1:9/f"></iframe>
[press](javascript:alert(1)) [data](data:text/html,<script>window.hacked=4</script>) ![i](http://127.0.0.1:9/x.png)
<a href="javascript:window.hacked=5">go</a> [fine](https://example.org/page)"""


def _assert_inert(page: Page) -> None:
    page.wait_for_timeout(300)
    assert page.evaluate("window.hacked") is None
    main = page.locator("#main")
    assert main.locator("script, img, iframe, [onerror], [onload]").count() == 0
    assert page.locator("a[href^='javascript:' i], a[href^='data:' i]").count() == 0


def test_a_hostile_question_is_shown_as_the_text_it_is(page: Page):
    walks.join(page, mode="credits", dollars=10)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/")
    walks.send(page, HOSTILE)
    walks.await_end(page)
    expect(page.get_by_test_id("question-text")).to_contain_text("<script>window.hacked=1</script>")
    expect(page.get_by_test_id("conversation")).to_contain_text("<script>")
    _assert_inert(page)
    page.reload()
    walks.await_end(page)
    _assert_inert(page)
    assert not [url for url in asked if "127.0.0.1:9" in url or url.endswith("/x")]


def test_a_hostile_reply_is_drawn_without_scripts_images_or_dangerous_links(page: Page):
    walks.join(page, mode="credits", dollars=10)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    body = f"data: {json.dumps(HOSTILE)}\n\n"

    def answer(route: Route) -> None:
        route.fulfill(status=200, content_type="text/event-stream", body=body)

    page.route("**/api/turns/*/text", answer)
    page.goto("/")
    walks.send(page, "Hello")
    text = walks.reply(page)
    expect(text).to_contain_text("window.hacked=1")
    expect(text).to_contain_text("Image: i")
    expect(text.get_by_text("press")).to_be_visible()
    fine = text.get_by_role("link", name="fine")
    expect(fine).to_have_attribute("rel", "noopener noreferrer nofollow")
    expect(text.get_by_role("link")).to_have_count(1)
    _assert_inert(page)
    assert not [url for url in asked if "127.0.0.1:9" in url or url.endswith("/x")]
    page.unroute("**/api/turns/*/text")
    walks.await_end(page)
