"""Auto top-up by hand: save a card, switch it on, watch it buy; and see why it stopped."""

import re

from playwright.sync_api import Page, expect

from tests.browser import walks


def save_card(page: Page, later: str = "") -> None:
    page.goto("/credits")
    page.get_by_test_id("auto-save-card").click()
    page.wait_for_url(re.compile("/sandbox/"))
    if later:
        page.get_by_label(later).check()
    page.get_by_role("button", name="Save card").click()
    expect(page.get_by_test_id("auto-card")).to_contain_text("Visa ••••")


def test_a_saved_card_buys_credit_when_the_balance_is_low_and_the_page_shows_it_arrive(page: Page):
    walks.join(page, mode="credits")
    save_card(page)
    expect(page.get_by_test_id("auto-status")).to_have_text("Off")
    page.get_by_test_id("auto-ceiling").fill("20")
    page.get_by_test_id("auto-keep").click()
    expect(page.get_by_test_id("auto-trouble")).to_contain_text("between $25 and $10,000")
    page.get_by_test_id("auto-ceiling").fill("60")
    page.get_by_test_id("auto-keep").click()
    expect(page.get_by_test_id("auto-status")).to_have_text("On")
    expect(page.get_by_test_id("auto-summary")).to_contain_text("less than $5.00 is left, $25.00 is charged")
    expect(page.get_by_test_id("balance-pill")).to_have_text("$27.00", timeout=20_000)
    expect(page.get_by_test_id("purchase")).to_contain_text("Auto top-up")
    page.get_by_test_id("auto-remove-card").click()
    expect(page.get_by_test_id("auto-save-card")).to_be_visible()
    expect(page.get_by_test_id("auto-status")).to_have_text("Off")


def test_a_bank_that_wants_to_see_the_person_stops_it_and_the_page_says_so(page: Page):
    walks.join(page, mode="credits")
    save_card(page, later="The bank will ask for authentication")
    page.get_by_test_id("auto-keep").click()
    expect(page.get_by_test_id("auto-stopped")).to_contain_text("wants you to confirm", timeout=20_000)
    expect(page.get_by_test_id("auto-status")).to_have_text("Off")
    expect(page.get_by_test_id("balance-pill")).to_have_text("$0.00")


def test_any_whole_amount_can_be_bought_and_brings_the_bonus_that_was_said(page: Page):
    walks.join(page, mode="credits")
    page.goto("/credits")
    page.get_by_test_id("custom-amount").fill("3")
    expect(page.get_by_test_id("custom-weighed")).to_contain_text("between $5 and $500")
    page.get_by_test_id("custom-amount").fill("37")
    expect(page.get_by_test_id("custom-weighed")).to_contain_text("Brings $39.96 of credit ($37 + $2.96 bonus),")
    page.get_by_test_id("buy-custom").click()
    page.wait_for_url(re.compile("/sandbox/checkout/"))
    walks.choose_on_payment_page(page, "paid")
    expect(page.get_by_test_id("purchase-banner")).to_contain_text("$39.96 was added")
    expect(page.get_by_test_id("balance-pill")).to_have_text("$39.96")
