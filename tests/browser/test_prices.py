"""The price beside Send: it rests on this conversation, model, payer and balance, or it is not shown."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser import walks
from tests.browser.windows import Windows

DRAFT = "Compare tea and coffee. " * 40
PAGE_PRICE = re.compile(r"^About (a|half|one|two|three|[\d.]+)\b.* cents? a page$")
DRAFT_PRICE = re.compile(r"^About [\d.]+–[\d.]+ ¢$")
REFUSED = "Your balance does not cover a reply."
KEY = "sk-ant-api03-made-up-for-this-test-wxyz"


def price(page: Page) -> Locator:
    return page.get_by_test_id("estimate")


def pick(page: Page, model: str) -> None:
    page.get_by_test_id("model-picker").click()
    page.locator(f"[data-model='{model}']").click()
    page.keyboard.press("Escape")


def test_the_price_of_a_draft_stays_with_its_conversation_and_returns_with_it(page: Page):
    walks.join(page, mode="credits", dollars=10)
    page.goto("/")
    walks.send(page, "Hello")
    walks.await_end(page)
    expect(price(page)).to_have_text(PAGE_PRICE)
    page.get_by_test_id("new-chat").click()
    expect(page.get_by_test_id("reply-text")).to_have_count(0)
    page.get_by_test_id("composer").fill(DRAFT)
    expect(price(page)).to_have_text(DRAFT_PRICE)

    page.locator(".conversation-link").first.click()
    expect(page.get_by_test_id("reply-cost")).to_be_visible()
    expect(page.get_by_test_id("composer")).to_have_value("")
    expect(price(page)).to_have_text(PAGE_PRICE)

    page.get_by_test_id("new-chat").click()
    expect(page.get_by_test_id("composer")).to_have_value(DRAFT)
    expect(price(page)).to_have_text(DRAFT_PRICE)
    page.reload()
    expect(price(page)).to_have_text(DRAFT_PRICE)
    page.get_by_test_id("composer").fill("")
    expect(price(page)).to_have_text(PAGE_PRICE)


def test_the_price_follows_the_model(page: Page):
    walks.join(page, mode="credits", dollars=10)
    page.goto("/")
    pick(page, "claude-opus-5-5")
    page_price = price(page).inner_text()
    page.get_by_test_id("composer").fill(DRAFT)
    expect(price(page)).to_have_text(DRAFT_PRICE)
    dear = price(page).inner_text()
    pick(page, "claude-haiku-5-5")
    expect(price(page)).to_have_text(DRAFT_PRICE)
    expect(price(page)).not_to_have_text(dear)
    page.get_by_test_id("composer").fill("")
    expect(price(page)).to_have_text(PAGE_PRICE)
    expect(price(page)).not_to_have_text(page_price)


def test_credit_that_arrives_takes_the_refusal_away(page: Page):
    walks.join(page, mode="credits")
    page.goto("/")
    page.get_by_test_id("composer").fill(DRAFT)
    expect(price(page)).to_contain_text(REFUSED)
    page.get_by_test_id("send").click()
    expect(page.get_by_test_id("wall-credits")).to_be_visible()
    page.get_by_test_id("buy-10").click()
    walks.choose_on_payment_page(page, "paid")
    expect(page.get_by_test_id("purchase-banner")).to_contain_text("Purchase complete")
    expect(page.get_by_test_id("composer")).to_have_value(DRAFT)
    expect(price(page)).to_have_text(DRAFT_PRICE)


def test_a_payment_that_the_bank_confirms_later_takes_refusal_and_wall_away(page: Page):
    walks.join(page, mode="credits")
    page.goto("/credits")
    page.get_by_test_id("buy-10").click()
    walks.choose_on_payment_page(page, "later_paid")
    banner = page.get_by_test_id("purchase-banner")
    expect(banner).to_contain_text("Waiting for your bank")
    page.get_by_test_id("new-chat").click()
    page.get_by_test_id("composer").fill(DRAFT)
    expect(price(page)).to_contain_text(REFUSED)
    page.get_by_test_id("send").click()
    expect(page.get_by_test_id("wall-credits")).to_be_visible()
    expect(banner).to_contain_text("Purchase complete", timeout=30_000)
    expect(price(page)).to_have_text(DRAFT_PRICE)
    expect(page.get_by_test_id("wall-credits")).to_have_count(0)


def test_a_change_of_payer_renews_the_price(page: Page):
    walks.join(page)
    page.goto("/")
    walks.send(page, "Hello")
    wall = page.get_by_test_id("wall-payer")
    expect(price(page)).to_have_text(DRAFT_PRICE)
    wall.get_by_test_id("begin-credits").click()
    expect(page.get_by_test_id("balance-pill")).to_have_text("$0.00")
    expect(price(page)).to_contain_text(REFUSED)


def test_a_missing_key_is_named_beside_the_one_that_is_saved(page: Page):
    walks.join(page)
    page.goto("/settings")
    page.get_by_test_id("key-anthropic").fill(KEY)
    page.get_by_test_id("save-key-anthropic").click()
    expect(page.get_by_test_id("key-hint-anthropic")).to_be_visible()
    page.get_by_test_id("new-chat").click()
    pick(page, "gpt-6.1-sol")
    walks.send(page, "Hello")
    expect(page.get_by_test_id("wall-key")).to_contain_text(
        "GPT-6.1 Sol needs an OpenAI key, and you have saved an Anthropic one. "
        "Add an OpenAI key, or choose a Claude model."
    )


def test_the_packs_of_a_refusal_stand_above_the_composer(page: Page):
    walks.join(page)
    page.goto("/settings")
    page.get_by_test_id("key-anthropic").fill(KEY)
    page.get_by_test_id("save-key-anthropic").click()
    expect(page.get_by_test_id("key-hint-anthropic")).to_be_visible()
    page.get_by_test_id("new-chat").click()
    walks.send(page, "Explain double entry in a table with code")
    walks.await_end(page)
    walks.ask(page, "PUT", "/api/preferences", {"apiKeyMode": "credits"})
    for fresh in (False, True):
        if fresh:
            page.get_by_test_id("new-chat").click()
            expect(page.get_by_test_id("reply-text")).to_have_count(0)
        else:
            page.reload()
            expect(page.get_by_test_id("reply-cost")).to_be_visible()
        walks.send(page, "Hello")
        wall = page.get_by_test_id("wall-credits")
        expect(wall).to_be_in_viewport(ratio=0.99)
        page.wait_for_timeout(600)  # a smooth scroll ends
        box, below = wall.bounding_box(), page.locator(".composer").bounding_box()
        assert box is not None
        assert below is not None
        assert box["y"] + box["height"] <= below["y"]


def test_an_address_that_names_nothing_has_a_page_with_a_way_home(page: Page, windows: Windows):
    windows.expect_complaint("404")
    walks.join(page)
    page.goto("/no/such/page")
    expect(page.get_by_test_id("not-found")).to_be_visible()
    page.get_by_test_id("to-home").click()
    expect(page.get_by_test_id("composer")).to_be_visible()
