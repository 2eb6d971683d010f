"""The first message of somebody new, for whom nobody pays yet: asked in place, and sent with one press afterwards."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser import walks
from tests.browser.axe import violations
from tests.browser.windows import DESK, PHONE, Windows

DRAFT = "Which rivers cross Europe?"


def first_enter(page: Page) -> None:
    """Somebody new writes a message and sends it before anything else."""
    walks.join(page)
    page.goto("/")
    walks.send(page, DRAFT)
    expect(page.get_by_test_id("wall-payer")).to_contain_text("Who pays for your replies?")
    expect(page.get_by_test_id("composer")).to_have_value(DRAFT)


def one_press_sends_it(page: Page) -> None:
    expect(page.get_by_test_id("composer")).to_have_value(DRAFT)
    page.get_by_test_id("send").click()
    walks.await_end(page)
    expect(page.get_by_test_id("question-text")).to_have_text(DRAFT)


@pytest.mark.parametrize("device", [DESK, PHONE], ids=["1280", "390"])
def test_who_pays_is_asked_where_the_message_is_and_a_practice_key_sends_it_with_one_press(
    windows: Windows, device: dict
):
    page = windows.open(**device)
    first_enter(page)
    expect(page.get_by_test_id("wall-payer")).to_be_in_viewport(ratio=0.99)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(page) == []
    page.get_by_test_id("begin-practice").click()
    expect(page.get_by_test_id("payer-ready")).to_contain_text("All set. Your message goes when you press Send.")
    if device is DESK:
        expect(page.get_by_test_id("composer")).to_be_focused()
    one_press_sends_it(page)
    expect(page.get_by_test_id("reply-payer")).to_have_text("paid with your own key")


def test_an_own_key_is_pasted_where_the_message_is_and_a_model_that_it_opens_answers(page: Page):
    first_enter(page)
    page.get_by_test_id("begin-own").click()
    wall = page.get_by_test_id("wall-key")
    wall.get_by_test_id("guide-key").fill("sk-invalid-made-up-1234")
    wall.get_by_test_id("guide-save-key").click()
    expect(wall.get_by_test_id("guide-trouble")).to_contain_text("OpenAI did not accept the API key.")
    wall.get_by_test_id("guide-key").fill("sk-made-up-for-this-test-1234")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("payer-ready")).to_be_visible()
    expect(page.get_by_test_id("model-picker")).to_contain_text("GPT")
    one_press_sends_it(page)


def test_credits_are_bought_where_the_message_is_and_one_can_still_change_ones_mind(page: Page):
    first_enter(page)
    page.get_by_test_id("begin-credits").click()
    wall = page.get_by_test_id("wall-credits")
    wall.get_by_test_id("guide-own-instead").click()
    expect(page.get_by_test_id("wall-key")).to_be_visible()
    page.get_by_test_id("guide-credits-instead").click()
    wall.get_by_test_id("buy-10").click()
    walks.choose_on_payment_page(page, "paid")
    expect(page.get_by_test_id("balance-pill")).to_have_text(re.compile(r"^\$10\.00"))
    one_press_sends_it(page)
    expect(page.get_by_test_id("reply-payer")).to_have_text("paid with credits")
