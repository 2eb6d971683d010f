"""Buying credits, spending them, and running out of them."""

import re
from decimal import Decimal

from playwright.sync_api import Page, expect

from tests.browser import walks
from tests.browser.website import Website
from tests.browser.windows import Windows

LOW = "Low balance. Purchase more credits to continue using AI features."


def test_sign_up_buy_25_chat_and_the_balance_falls_by_exactly_the_cost(page: Page, site: Website):
    walks.sign_up(page)
    page.get_by_test_id("to-settings").click()
    page.get_by_text("Buy Credits (Easier for Non-Technical Users)").click()
    expect(page.get_by_test_id("credits-note")).to_be_visible()
    expect(page.get_by_test_id("key-fields")).to_have_count(0)

    page.get_by_test_id("open-usage").click()
    panel = page.get_by_test_id("usage-panel")
    expect(panel.get_by_test_id("balance-amount")).to_have_text("$0.00")
    expect(panel.get_by_test_id("low-balance")).to_have_text(LOW)
    panel.get_by_test_id("buy-more-credits").click()
    expect(panel.get_by_test_id("pack-25")).to_be_checked()
    panel.get_by_test_id("buy-selected").click()

    page.wait_for_url(re.compile("/sandbox/checkout/"))
    expect(page.get_by_role("heading", name="ProjectLoom Credits ($27)")).to_be_visible()
    expect(page.get_by_text("$25 + $2 bonus")).to_be_visible()
    walks.choose_on_payment_page(page, "paid")
    expect(page.get_by_test_id("purchase-banner")).to_contain_text("Purchase complete. $27.00 was added")
    expect(page).to_have_url(site.url + "/settings")
    expect(panel.get_by_test_id("balance-amount")).to_have_text("$27.00")
    expect(panel.get_by_test_id("low-balance")).to_have_count(0)

    page.get_by_test_id("new-chat").click()
    walks.watch_reply(page)
    walks.send(page, "Explain double entry in a table")
    expect(page.get_by_test_id("stop")).to_be_visible()
    expect(page.get_by_test_id("send")).to_have_count(0)
    walks.await_end(page)
    expect(page.get_by_test_id("send")).to_be_visible()
    seen = walks.what_was_seen(page)
    assert seen["alive"] - seen["sent"] < 500
    assert seen["stop"] - seen["sent"] < 500
    lengths = [length for _, length in seen["texts"]]
    assert len(lengths) >= 5
    assert lengths[0] < lengths[-1] / 2
    expect(page.get_by_test_id("reply-payer")).to_have_text("paid with credits")

    receipt = walks.read_receipt(page)
    cost = walks.dollars(receipt["Total"])
    assert 0 < cost < Decimal("0.10")
    assert receipt["Taken from your balance"] == receipt["Total"]
    held, freed = walks.dollars(receipt["Held at most"]), walks.dollars(receipt["Freed again"])
    assert held == cost + freed
    shown = walks.dollars(page.get_by_test_id("reply-cost").inner_text())
    assert abs(shown - cost) <= cost / 100

    exact = Decimal("27.00") - cost
    expect(panel.get_by_test_id("balance-amount")).to_have_text(f"${exact}")
    found = walks.balance(page)
    assert (Decimal(found["balanceUsd"]), Decimal(found["lifetimeSpentUsd"]), found["held"]) == (exact, cost, 0)
    [(taken,)] = site.ask_books(
        "SELECT amount_nanos FROM postings WHERE entry_id = ? AND account_id LIKE 'user:%:credits'",
        receipt["Ledger entry"],
    )
    assert Decimal(-taken) / 10**9 == cost
    site.audit()


def test_a_payment_is_credited_by_its_webhook_alone_if_the_person_never_comes_back(page: Page, site: Website):
    email = walks.join(page, mode="credits")
    walks.pay_away(page, 10)
    walks.await_balance(page, "10.00")
    page.goto("/credits")
    expect(page.get_by_test_id("purchase")).to_have_count(1)
    expect(page.get_by_test_id("purchase")).to_contain_text("Complete")
    [(handled,)] = site.ask_books(
        "SELECT count(*) FROM stripe_events e JOIN orders o ON instr(e.payload, o.session_id) "
        "JOIN users u ON u.id = o.user_id "
        "WHERE u.email = ? AND e.type = 'checkout.session.completed' AND e.handled_at IS NOT NULL",
        email,
    )
    assert handled == 1


def test_every_pack_leads_to_a_payment_page_that_asks_its_price(page: Page):
    walks.join(page, mode="credits")
    for dollars in (10, 25, 50, 100):
        page.goto("/credits")
        page.get_by_test_id(f"buy-{dollars}").click()
        page.wait_for_url(re.compile("/sandbox/checkout/"))
        expect(page.get_by_role("button", name=f"Pay ${dollars}.00")).to_be_visible()


def test_a_cancelled_purchase_says_so_and_another_can_be_begun(page: Page):
    walks.join(page, mode="credits")
    page.goto("/credits")
    page.get_by_test_id("buy-50").click()
    walks.choose_on_payment_page(page, "cancel")
    expect(page.get_by_test_id("purchase-banner")).to_have_text("Purchase cancelled. You have not been charged.")
    assert walks.balance(page)["balanceUsd"] == "0.00"
    # Among the purchases it is no warning either.
    status = page.get_by_test_id("purchase").locator(".status")
    expect(status).to_have_text("Not paid")
    expect(status).to_have_class("status unpaid")
    page.get_by_test_id("buy-10").click()
    walks.choose_on_payment_page(page, "paid")
    expect(page.get_by_test_id("purchase-banner")).to_contain_text("Purchase complete. $10.00 was added")


def test_the_browser_s_back_button_on_the_payment_page_leaves_a_page_that_can_buy(page: Page):
    walks.join(page, mode="credits")
    page.goto("/credits")
    page.get_by_test_id("buy-10").click()
    page.wait_for_url(re.compile("/sandbox/checkout/"))
    page.go_back()
    page.get_by_test_id("buy-25").click()
    walks.choose_on_payment_page(page, "paid")
    expect(page.get_by_test_id("balance-pill")).to_have_text("$27.00")


def test_a_declined_card_stays_on_the_payment_page_and_can_be_tried_again(page: Page):
    walks.join(page, mode="credits")
    page.goto("/credits")
    page.get_by_test_id("buy-10").click()
    walks.choose_on_payment_page(page, "declined")
    expect(page.get_by_role("alert")).to_have_text("Your card was declined. Try again, or choose another way to pay.")
    assert walks.balance(page)["balanceUsd"] == "0.00"
    walks.choose_on_payment_page(page, "paid")
    expect(page.get_by_test_id("balance-pill")).to_have_text("$10.00")


def test_a_delayed_payment_waits_in_words_then_arrives_by_itself_or_says_that_the_bank_refused(windows: Windows):
    lucky, unlucky = windows.open(), windows.open()
    for page, outcome in ((lucky, "later_paid"), (unlucky, "later_failed")):
        walks.join(page, mode="credits")
        page.goto("/credits")
        page.get_by_test_id("buy-100").click()
        walks.choose_on_payment_page(page, outcome)
        banner = page.get_by_test_id("purchase-banner")
        expect(banner).to_contain_text("Waiting for your bank. $115.00 will appear here")
        expect(page.get_by_test_id("balance-pill")).to_have_text("$0.00")
    expect(lucky.get_by_test_id("purchase-banner")).to_contain_text("Purchase complete. $115.00 was added")
    expect(lucky.get_by_test_id("balance-pill")).to_have_text("$115.00")
    refused = "Your bank did not accept this payment. You have not been charged."
    expect(unlucky.get_by_test_id("purchase-banner")).to_have_text(refused)
    expect(unlucky.get_by_test_id("balance-pill")).to_have_text("$0.00")
    assert walks.balance(unlucky)["balanceUsd"] == "0.00"


_COLOUR = "element => getComputedStyle(element).color.match(/\\d+/g).map(Number)"


def test_below_5_dollars_the_balance_warns_in_the_error_colour(windows: Windows, site: Website):
    for cents, shown, low in ((500, "$5.00", False), (499, "$4.99", True)):
        page = windows.open()
        site.grant(walks.join(page, mode="credits"), cents=cents)
        page.goto("/settings")
        page.get_by_test_id("toggle-usage").click()
        amount = page.get_by_test_id("balance-amount")
        expect(amount).to_have_text(shown)
        warning = page.get_by_test_id("low-balance")
        expect(warning).to_have_text(LOW) if low else expect(warning).to_have_count(0)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            red, green, blue = amount.evaluate(_COLOUR)
            assert (red > max(green, blue)) if low else (blue > max(red, green)), f"{shown} in {scheme}"


def test_below_10_cents_nothing_is_sent_the_draft_is_kept_and_credits_are_offered(page: Page, site: Website):
    email = walks.join(page, mode="credits")
    site.grant(email, cents=9)
    refused = page.request.post("/api/chat", data={"messages": [{"role": "user", "content": "Hello"}]})
    assert refused.status == 402
    assert refused.json()["error"] == "Insufficient credits. Please purchase more."

    draft = "Plan a garden for a small balcony"
    page.goto("/")
    expect(page.get_by_test_id("balance-pill")).to_have_text("$0.09")
    walks.send(page, draft)
    wall = page.get_by_test_id("wall-credits")
    expect(wall).to_contain_text("Your balance of $0.09 does not cover a reply.")
    expect(wall.get_by_test_id("buy-25")).to_be_visible()
    expect(page.get_by_test_id("composer")).to_have_value(draft)
    expect(page.get_by_test_id("question-text")).to_have_count(0)
    assert walks.balance(page)["balanceUsd"] == "0.09"

    wall.get_by_test_id("buy-10").click()
    walks.choose_on_payment_page(page, "paid")
    expect(page.get_by_test_id("balance-pill")).to_have_text("$10.09")
    expect(page.get_by_test_id("composer")).to_have_value(draft)
    page.get_by_test_id("send").click()
    walks.await_end(page)
