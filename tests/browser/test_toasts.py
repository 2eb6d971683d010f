"""Toasts: they come, wait for whoever reads, go, and can be acted on, with the mouse and without."""

import re

from playwright.sync_api import Page, expect

from tests.browser import walks

NOT_A_KEY = "not a key"


def save_what_is_no_key(page: Page) -> None:
    page.get_by_test_id("key-anthropic").fill(NOT_A_KEY)
    page.get_by_test_id("save-key-anthropic").click()


def test_a_toast_waits_while_it_is_read_and_goes_by_itself_after(page: Page):
    page.clock.install()
    walks.join(page)
    page.goto("/settings")
    toast = page.get_by_test_id("toast")
    # The place that is read aloud stands there before anything is said in it.
    expect(page.locator("section[aria-live=polite][aria-label*=Notifications]")).to_have_count(1)
    save_what_is_no_key(page)
    expect(toast).to_have_class(re.compile("error"))
    # Said again, it is one toast still.
    save_what_is_no_key(page)
    expect(toast).to_have_count(1)
    toast.hover()
    page.clock.run_for(60_000)
    expect(toast).to_have_count(1)
    page.mouse.move(0, 0)
    page.clock.run_for(10_000)
    expect(toast).to_have_count(0)


def test_a_toast_is_reached_used_and_closed_by_keyboard(page: Page):
    walks.join(page, mode="credits", dollars=10)
    page.goto("/")
    walks.send(page, "Hello")
    walks.await_end(page)
    page.get_by_test_id("conversation").hover()
    page.get_by_test_id("conversation-menu").click()
    page.get_by_test_id("archive").click()
    undo = page.get_by_role("button", name="Undo")
    expect(undo).to_be_visible()
    expect(page.get_by_test_id("conversation")).to_have_count(0)
    page.keyboard.press("Alt+t")
    expect(undo).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("conversation")).to_have_count(1)
    expect(page.get_by_test_id("toast")).to_have_count(0)
    walks.ask(page, "PUT", "/api/preferences", {"apiKeyMode": "own"})
    page.goto("/settings")
    save_what_is_no_key(page)
    expect(page.get_by_test_id("toast")).to_have_count(1)
    page.keyboard.press("Alt+t")
    expect(page.get_by_role("button", name="Close this message")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("toast")).to_have_count(0)
