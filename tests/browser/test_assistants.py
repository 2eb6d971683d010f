"""Summaries and the agent as people use them: price first, words as they come, and nothing changed unasked."""

import re

from playwright.sync_api import Page, expect

from tests.browser import walks
from tests.browser.windows import PHONE, Windows

CHEAP = "claude-haiku-5-5"


def _chat(page: Page, text: str) -> str:
    """A settled conversation that begins with this, open in the page; its id."""
    body = {"messages": [{"role": "user", "content": text}], "model": CHEAP}
    answer = page.request.post("/api/chat", data=body)
    assert answer.ok, answer.text()
    found = re.search(r'"conversationId":"(\w+)"', answer.text())
    assert found
    return found[1]


def _open_summary(page: Page) -> None:
    page.get_by_test_id("chat-menu").click()
    page.get_by_test_id("summarize").click()
    expect(page.get_by_test_id("summary-price")).to_contain_text("¢")


def _start(page: Page, task: str) -> None:
    page.goto("/agent")
    page.get_by_test_id("task").fill(task)
    expect(page.get_by_test_id("task-price")).to_contain_text("at most in all")
    page.get_by_test_id("start-task").click()
    page.wait_for_url(re.compile(r"/agent/run_"))


def test_a_summary_says_its_price_survives_a_reload_and_begins_a_new_chat(page: Page):
    walks.join(page, mode="credits", dollars=10)
    conversation = _chat(page, "Hello")
    page.goto(f"/c/{conversation}")
    walks.await_end(page)
    _open_summary(page)
    page.get_by_test_id("run-summary").click()
    expect(page.get_by_test_id("summary-text")).to_be_visible()
    page.reload()
    expect(page.get_by_test_id("summary-cost")).to_have_text(re.compile(r"\$0\.0"))
    text = page.get_by_test_id("summary-text").inner_text()
    page.get_by_test_id("chat-from-summary").click()
    expect(page.get_by_test_id("summary")).to_have_count(0)
    expect(page.get_by_test_id("question-text")).to_contain_text(text.split("\n")[0][:40])
    expect(page).not_to_have_url(re.compile(conversation))
    walks.send(page, "And then?")
    walks.await_end(page)


def test_the_agent_suggests_and_only_what_is_confirmed_is_done_and_can_be_undone(page: Page):
    walks.join(page, mode="credits", dollars=10)
    first, second = _chat(page, "Alpha river"), _chat(page, "Beta river")
    _start(
        page,
        'use tool search_conversations {"query": "river"}\n'
        f'use tool propose_rename {{"conversation_id": "{first}", "title": "Of rivers"}}\n'
        f'and use tool propose_rename {{"conversation_id": "{second}", "title": "Never"}}',
    )
    expect(page.get_by_test_id("run-total")).to_have_text(re.compile(r"\$0\.0"))
    expect(page.get_by_test_id("tool-use").first).to_contain_text("Searched for “river” · 2 found")
    expect(page.get_by_test_id("step-cost")).to_have_count(3)
    titles = page.get_by_test_id("conversation")
    proposals = page.get_by_test_id("proposal")
    expect(proposals.nth(0)).to_contain_text("Of rivers")
    expect(titles.get_by_text("Of rivers")).to_have_count(0)
    proposals.nth(1).get_by_test_id("decline").click()
    expect(proposals.nth(1)).to_contain_text("Declined")
    # By keyboard alone.
    proposals.nth(0).get_by_test_id("confirm").press("Enter")
    expect(proposals.nth(0)).to_contain_text("Renamed")
    expect(titles.get_by_text("Of rivers")).to_have_count(1)
    expect(titles.get_by_text("Never")).to_have_count(0)
    proposals.nth(0).get_by_test_id("undo").click()
    expect(proposals.nth(0)).to_contain_text("The old title is back")
    expect(titles.get_by_text("Of rivers")).to_have_count(0)
    page.get_by_test_id("find").last.click()
    expect(page).to_have_url(re.compile(f"/c/({first}|{second})"))
    page.goto("/agent")
    page.get_by_test_id("run").click()
    expect(page.get_by_test_id("tool-use").first).to_contain_text("Searched for “river” · 2 found")


def test_a_run_and_a_summary_are_stopped_where_they_are_and_say_what_they_cost(page: Page):
    walks.join(page, mode="credits", dollars=10)
    _start(page, walks.LONG)
    expect(page.get_by_test_id("step-text")).to_be_visible()
    page.get_by_test_id("stop-run").click()
    expect(page.get_by_test_id("run-ending")).to_contain_text("Stopped")
    expect(page.get_by_test_id("run-total")).to_have_text(re.compile(r"\$0\.0"))
    page.get_by_test_id("run-chat").click()
    walks.await_length(page, 10)
    _open_summary(page)
    page.get_by_test_id("run-summary").click()
    reply = page.get_by_test_id("summary-text").get_by_test_id("reply-text")
    expect(reply).to_have_text(re.compile(r"\w{3}"))
    # "The model is thinking" is read aloud there until the first word comes.
    expect(reply.locator(".thinking")).to_have_count(0)
    page.get_by_test_id("stop-summary").click()
    expect(page.get_by_test_id("summary-note")).to_contain_text("Stopped")


def test_a_summary_that_is_stopped_before_its_first_word_says_so(page: Page):
    walks.join(page, mode="credits", dollars=10)
    page.goto(f"/c/{_chat(page, 'Tell me about rivers that say nothing.')}")
    walks.await_end(page)
    _open_summary(page)
    slow = {"kind": "slow_first_byte", "seconds": 60, "marker": "rivers that say nothing"}
    walks.ask(page, "POST", "/sandbox/control/api/providers/faults", slow)
    page.get_by_test_id("run-summary").click()
    expect(page.get_by_test_id("summary-text").locator(".thinking")).to_have_count(1)
    page.get_by_test_id("stop-summary").click()
    expect(page.get_by_test_id("summary-note")).to_contain_text("Stopped. 0 ¢ of at most")
    expect(page.get_by_test_id("run-summary")).to_be_enabled()


def test_only_a_click_that_begins_and_ends_beside_a_sheet_closes_it(page: Page):
    walks.join(page, mode="credits", dollars=10)
    page.goto(f"/c/{_chat(page, 'Tell me about rivers.')}")
    walks.await_end(page)
    _open_summary(page)
    sheet = page.get_by_test_id("summary")
    box = sheet.bounding_box()
    assert box is not None
    for begin, end in (((box["x"] + 40, box["y"] + 20), (8, 8)), ((8, 8), (box["x"] + 40, box["y"] + 20))):
        page.mouse.move(*begin)
        page.mouse.down()
        page.mouse.move(*end)
        page.mouse.up()
        expect(page.get_by_test_id("run-summary")).to_be_enabled()
    page.mouse.click(8, 8)
    expect(sheet).to_have_count(0)


def test_who_cannot_pay_keeps_the_task_and_sees_the_next_step(page: Page):
    walks.join(page, mode="credits")
    page.goto("/agent")
    page.get_by_test_id("task").fill("Tidy up, please.")
    expect(page.get_by_test_id("task-price")).to_contain_text("balance does not cover")
    page.get_by_test_id("start-task").click()
    expect(page.get_by_test_id("way-past")).to_contain_text("You have not been charged")
    expect(page.get_by_test_id("buy-10")).to_be_visible()
    page.reload()
    expect(page.get_by_test_id("task")).to_have_value("Tidy up, please.")
    walks.ask(page, "PUT", "/api/preferences", {"apiKeyMode": "own"})
    page.reload()
    expect(page.get_by_test_id("task-price")).to_contain_text("needs an API key")
    page.get_by_test_id("start-task").click()
    expect(page.get_by_test_id("way-past")).to_contain_text("Add a key in Settings")


def test_on_a_phone_a_run_is_read_and_decided_and_nothing_is_wider_than_the_screen(windows: Windows):
    page = windows.open(**PHONE)
    walks.join(page, mode="credits", dollars=10)
    conversation = _chat(page, "A long first line about rivers and everything that flows in them, day and night")
    _start(page, f'use tool propose_rename {{"conversation_id": "{conversation}", "title": "Of rivers"}}')
    page.get_by_test_id("confirm").tap()
    expect(page.get_by_test_id("decided")).to_have_text("Renamed")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.goto(f"/c/{conversation}")
    _open_summary(page)
    box = page.get_by_test_id("summary").bounding_box()
    assert box
    assert box["width"] <= 390
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("summary")).to_have_count(0)
    page.get_by_test_id("chat-menu").tap()
    page.get_by_test_id("rename-open").tap()
    expect(page.get_by_test_id("title-field")).to_be_focused()
    page.get_by_test_id("title-field").fill("All rivers")
    page.get_by_test_id("title-field").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("All rivers")
