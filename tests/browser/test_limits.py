"""Somebody who is quicker than the limits: told in words when to try again, and what they wrote is still there."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import walks
from tests.browser.website import Website
from tests.browser.windows import WAIT_MS, Windows

SECONDS = 15
WAIT = re.compile(r"Please wait (a moment|\d+ seconds) and try again\.")


@pytest.fixture(scope="module")
def strict(chromium_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Website]:
    """A site where everything is soon too much."""
    site = Website(tmp_path_factory.mktemp("strict"))
    for act in ("CHAT", "AGENT", "CHECKOUT", "UPLOAD"):
        site.environment[f"RATE_{act}"] = f"1/{SECONDS} seconds"
    site.environment["RATE_SIGN_IN"] = f"2/{SECONDS} seconds"
    with site:
        yield site


@pytest.fixture
def page(chromium: Browser, strict: Website) -> Iterator[Page]:
    expect.set_options(timeout=WAIT_MS)
    opened = Windows(chromium, strict.url)
    for status in (401, 429):
        opened.expect_complaint(f"status of {status}")
    yield opened.open()
    opened.close()
    assert not opened.troubles, "\n".join(opened.troubles)


def test_a_message_that_comes_too_soon_stays_in_the_field_and_goes_after_the_wait(page: Page):
    walks.join(page, mode="credits", dollars=10)
    page.goto("/")
    walks.send(page, "The first")
    walks.await_end(page)
    composer = page.get_by_test_id("composer")
    walks.send(page, "The second, which must not be lost")
    said = page.get_by_role("alert").filter(has_text=WAIT)
    expect(said).to_be_visible()
    expect(composer).to_have_value("The second, which must not be lost")
    page.reload()
    expect(composer).to_have_value("The second, which must not be lost")
    expect(page.get_by_test_id("question-text")).to_have_count(1)
    page.wait_for_timeout(SECONDS * 1_000)
    composer.press("Enter")
    walks.await_end(page, replies=2)
    expect(composer).to_have_value("")
    expect(page.get_by_test_id("question-text").last).to_have_text("The second, which must not be lost")


def test_a_question_edited_too_soon_and_a_reply_asked_for_again_change_nothing(page: Page):
    walks.join(page, mode="credits", dollars=10)
    page.goto("/")
    walks.send(page, "A question")
    walks.await_end(page)
    page.get_by_test_id("edit-question").click()
    page.get_by_test_id("edit-field").fill("Another question")
    page.get_by_test_id("edit-send").click()
    expect(page.get_by_role("alert").filter(has_text=WAIT)).to_be_visible()
    expect(page.get_by_test_id("composer")).to_have_value("Another question")
    page.reload()
    expect(page.get_by_test_id("question-text")).to_have_text("A question")
    expect(page.get_by_test_id("reply-text")).to_have_count(1)


def test_a_task_a_file_and_a_purchase_that_come_too_soon_say_when_to_try_again(page: Page):
    walks.join(page, mode="credits")
    page.goto("/credits")
    page.get_by_test_id("buy-10").click()
    walks.choose_on_payment_page(page, "paid")
    expect(page.get_by_test_id("purchase-banner")).to_contain_text("Purchase complete")
    page.get_by_test_id("buy-25").click()
    said = page.get_by_role("alert").filter(has_text=WAIT)
    expect(said).to_contain_text("You have not been charged.")
    expect(page.get_by_test_id("buy-25")).to_be_enabled()

    page.goto("/agent")
    page.get_by_test_id("task").fill("List my conversations")
    page.get_by_test_id("start-task").click()
    expect(page).to_have_url(re.compile("/agent/run_"))
    page.goto("/agent")
    page.get_by_test_id("task").fill("A task that must not be lost")
    page.get_by_test_id("start-task").click()
    expect(said).to_be_visible()
    expect(page.get_by_test_id("task")).to_have_value("A task that must not be lost")
    expect(page.get_by_test_id("start-task")).to_be_enabled()

    page.goto("/")
    picker = page.get_by_test_id("attach-field")
    picker.set_input_files([{"name": "one.txt", "mimeType": "text/plain", "buffer": b"One"}])
    expect(page.get_by_test_id("draft-file")).to_have_count(1)
    picker.set_input_files([{"name": "two.txt", "mimeType": "text/plain", "buffer": b"Two"}])
    expect(page.get_by_text(WAIT)).to_be_visible()
    expect(page.get_by_test_id("draft-file").filter(has_text="one.txt")).to_be_visible()


def test_who_tries_to_sign_in_too_often_keeps_what_they_typed(page: Page):
    email = walks.join(page)
    page.context.clear_cookies()
    page.goto("/sign-in")
    page.get_by_test_id("email").fill(email)
    for _ in range(3):
        page.get_by_test_id("password").fill("not theirs")
        page.get_by_test_id("sign-in-submit").click()
        expect(page.get_by_test_id("sign-in-error")).not_to_have_text("")
        page.wait_for_load_state("networkidle")
    expect(page.get_by_test_id("sign-in-error")).to_contain_text(WAIT)
    expect(page.get_by_test_id("email")).to_have_value(email)
    expect(page.get_by_test_id("password")).to_have_value("not theirs")
    expect(page.get_by_test_id("sign-in-submit")).to_be_enabled()
