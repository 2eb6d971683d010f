"""Taking a purchase back, and the statement that tells every movement."""

import csv
import io
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from playwright.sync_api import Locator, Page, expect

from projectloom.clock import now
from projectloom.limits import STATEMENT_PAGE
from tests.browser import walks
from tests.browser.test_screens import assert_fits
from tests.browser.website import Website
from tests.browser.windows import DESK, PHONE, Windows

ROW = "statement-row"


def test_an_unspent_purchase_is_refunded_after_a_question_in_plain_words(page: Page, site: Website):
    walks.join(page, mode="credits")
    walks.pay_away(page, 25)
    walks.await_balance(page, "27.00")
    page.goto("/credits")
    page.get_by_test_id("refund-button").click()
    question = page.get_by_test_id("refund-dialog")
    expect(question).to_contain_text("$25.00 goes back to the card you paid with.")
    expect(question).to_contain_text("The $27.00 of credit is removed from your balance.")
    page.get_by_test_id("refund-keep").click()
    expect(question).to_have_count(0)
    expect(page.get_by_test_id("refund-button")).to_be_focused()
    assert walks.balance(page)["balanceUsd"] == "27.00"

    page.get_by_test_id("refund-button").click()
    page.get_by_test_id("refund-confirm").click()
    expect(page.get_by_text("Refunded. $25.00 is on its way back to your card.")).to_be_visible()
    expect(question).to_have_count(0)
    expect(page.get_by_test_id("purchase")).to_contain_text("Refunded")
    expect(page.get_by_test_id("refund-button")).to_have_count(0)
    expect(page.get_by_test_id("balance-pill")).to_have_text("$0.00")
    assert walks.balance(page)["balanceUsd"] == "0.00"
    site.audit()


def test_a_purchase_that_was_spent_from_meanwhile_says_why_it_cannot_be_refunded(page: Page):
    walks.join(page, mode="credits", dollars=10)
    page.goto("/credits")
    page.get_by_test_id("refund-button").click()
    _ask(page)
    page.get_by_test_id("refund-confirm").click()
    expect(page.get_by_test_id("refund-trouble")).to_contain_text("This purchase can no longer be refunded here.")
    expect(page.get_by_test_id("refund-confirm")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("refund-dialog")).to_have_count(0)
    expect(page.get_by_test_id("refund-button")).to_have_count(0)


def test_the_statement_tells_every_movement_with_a_balance_that_continues(page: Page):
    walks.join(page, mode="credits")
    page.goto("/statement")
    expect(page.get_by_test_id("statement-empty")).to_contain_text("Nothing has moved yet.")
    _buy_refund_buy_and_ask(page)
    page.goto("/statement")
    rows = page.get_by_test_id(ROW)
    # The refund itself is three lines: its credit is set aside while Stripe is asked, returned, and taken.
    expect(rows).to_have_count(6)
    lines = [_line(row) for row in rows.all()][::-1]
    assert [label for label, _, _ in lines] == [
        "Purchase",
        "Set aside",
        "Returned to you",
        "Refund",
        "Purchase",
        "Reply",
    ]
    after = Decimal(0)
    for _, amount, balance in lines:
        after += amount
        assert balance == after
    assert after == Decimal(walks.balance(page)["balanceUsd"])
    expect(rows.nth(2)).to_contain_text(re.compile(r"of the \$25\.00 purchase of \d+ \w+ \d{4}"))

    rows.first.get_by_test_id("statement-receipt").click()
    receipt = page.get_by_test_id("receipt")
    expect(receipt).to_contain_text("Taken from your balance")
    assert walks.dollars(page.get_by_test_id("receipt-total").inner_text()) == -lines[-1][1]
    facts = _facts(page)
    assert re.fullmatch(r"\d+ \w+ \d{4}, \d\d:\d\d UTC", facts["Date"])
    assert walks.dollars(facts["Balance after it"]) == after
    page.get_by_test_id("close-receipt").click()
    expect(receipt).to_have_count(0)
    # Any amount opens the same receipt: what a purchase brought, and its way to the purchase, as well.
    # What lines the points up is no part of what is underlined.
    assert rows.last.get_by_test_id("statement-amount").inner_text() == "+$27.00"
    rows.last.get_by_test_id("statement-amount").click()
    expect(page.get_by_test_id("receipt-about")).to_have_text("Purchase, $25.00 paid")
    expect(page.get_by_test_id("receipt-total")).to_have_text("+$27.00")
    assert _facts(page)["Balance after it"] == "$27.00"
    page.get_by_test_id("receipt-to-purchase").click()
    expect(page).to_have_url(re.compile(r"/credits/?\?order=ord_\w+$"))
    expect(receipt).to_have_count(0)
    page.get_by_test_id("purchase-amount").filter(has_text="$10.00").click()
    expect(page.get_by_test_id("receipt-total")).to_have_text("+$10.00")
    # One that was left open is put away by whatever is opened next, and by loading the page again.
    page.goto("/statement")
    expect(receipt).to_have_count(0)
    rows.last.get_by_test_id("statement-purchase").click()
    expect(page).to_have_url(re.compile(r"/credits/?\?order=ord_\w+$"))
    expect(page.locator("tr.named")).to_have_count(1)
    expect(page.locator("tr.named")).to_be_in_viewport()
    expect(page.locator("tr.named")).to_contain_text("Refunded")


def test_the_filter_of_the_statement_is_in_the_address_and_in_the_file(page: Page):
    walks.join(page, mode="credits")
    _buy_refund_buy_and_ask(page)
    page.goto("/statement")
    rows = page.get_by_test_id(ROW)
    expect(rows).to_have_count(6)
    for part, count in (("purchases", 2), ("replies", 1), ("refunds", 3), ("given", 0)):
        chip = page.locator(f"[data-choice={part}]")
        chip.click()
        expect(page).to_have_url(re.compile(rf"/statement/?\?kind={part}$"))
        expect(chip).to_have_attribute("aria-current", "page")
        expect(rows).to_have_count(count)
    expect(page.get_by_test_id("statement-empty")).to_be_visible()
    page.go_back()
    expect(rows).to_have_count(3)
    page.goto("/statement?kind=purchases")
    expect(rows).to_have_count(2)
    assert _exported(page) == ["Purchase", "Purchase"]
    page.goto("/statement?kind=refunds")
    expect(rows).to_have_count(3)
    assert _exported(page) == ["Refund or dispute", "Returned to you", "Set aside"]
    page.goto("/statement?kind=nonsense&range=nonsense")
    expect(rows).to_have_count(6)


def test_the_days_of_the_statement_are_chosen_by_name_or_one_by_one_and_kept_with_the_kind(page: Page):
    walks.join(page, mode="credits", dollars=10)
    today = now().date()
    page.goto("/statement")
    rows = page.get_by_test_id(ROW)
    for span, count in (("this_month", 1), ("last_month", 0), ("this_year", 1)):
        page.locator(f"[data-choice={span}]").click()
        expect(page.locator(f"[data-choice={span}]")).to_have_attribute("aria-current", "page")
        expect(rows).to_have_count(count)
    page.locator("[data-choice=purchases]").click()
    expect(page).to_have_url(re.compile(r"\?kind=purchases&range=this_year$"))
    page.locator("[data-choice=days]").click()
    # They begin with the days that were shown.
    expect(page.get_by_test_id("statement-since")).to_have_value(f"{today.year}-01-01")
    page.get_by_test_id("statement-until").fill(f"{today - timedelta(days=1)}")
    page.get_by_test_id("statement-since").fill("2020-01-01")
    page.get_by_test_id("statement-days").click()
    expect(rows).to_have_count(0)
    assert _exported(page) == []
    page.get_by_test_id("statement-until").fill(f"{today}")
    page.get_by_test_id("statement-days").click()
    expect(rows).to_have_count(1)
    assert _exported(page) == ["Purchase"]
    page.get_by_test_id("statement-until").fill("2019-12-31")
    page.get_by_test_id("statement-days").click()
    expect(page.get_by_text("The first day must not be after the last.")).to_be_visible()
    expect(rows).to_have_count(1)


def test_a_long_statement_shows_more_until_its_first_line(page: Page, site: Website):
    email = walks.join(page, mode="credits")
    pages_and_a_bit = 2 * STATEMENT_PAGE + 3
    site.grant(email, cents=1, times=pages_and_a_bit)
    page.goto("/statement?kind=given")
    rows = page.get_by_test_id(ROW)
    rows.first.get_by_test_id("statement-receipt").click()
    expect(page.get_by_test_id("receipt-total")).to_have_text("+$0.01")
    assert _facts(page)["Balance after it"] == f"${Decimal(pages_and_a_bit) / 100:.2f}"
    page.get_by_test_id("close-receipt").click()
    for shown in (STATEMENT_PAGE, 2 * STATEMENT_PAGE, pages_and_a_bit):
        expect(rows).to_have_count(shown)
        expect(rows.last).to_contain_text(f"${Decimal(pages_and_a_bit - shown + 1) / 100:.2f}")
        if shown < pages_and_a_bit:
            page.get_by_test_id("statement-more").click()
    expect(page.get_by_test_id("statement-more")).to_have_count(0)


@pytest.mark.parametrize("device", [DESK, PHONE], ids=["1280", "390"])
def test_neither_statement_nor_refund_scrolls_sideways(windows: Windows, device: dict):
    width = device["viewport"]["width"]
    page = windows.open(**device)
    walks.join(page, mode="credits")
    page.goto("/statement")
    expect(page.get_by_test_id("statement-empty")).to_be_visible()
    assert_fits(page, width)
    _buy_refund_buy_and_ask(page)
    page.goto("/statement?range=days")
    expect(page.get_by_test_id(ROW)).to_have_count(6)
    assert_fits(page, width)
    walks.pay_away(page, 25)
    page.goto("/credits")
    expect(page.get_by_test_id("purchase")).to_have_count(3)
    assert_fits(page, width)
    page.get_by_test_id("refund-button").first.click()
    expect(page.get_by_test_id("refund-dialog")).to_be_visible()
    assert_fits(page, width)


def _buy_refund_buy_and_ask(page: Page) -> None:
    walks.pay_away(page, 25)
    walks.await_balance(page, "27.00")
    page.goto("/credits")
    page.get_by_test_id("refund-button").click()
    page.get_by_test_id("refund-confirm").click()
    expect(page.get_by_test_id("purchase")).to_contain_text("Refunded")
    walks.pay_away(page, 10)
    walks.await_balance(page, "10.00")
    _ask(page)


def _exported(page: Page) -> list[str]:
    """The movements in the file that the page offers."""
    with page.expect_download() as download:
        page.get_by_test_id("statement-csv").click()
    found = csv.DictReader(io.StringIO(download.value.path().read_text("utf-8")))
    return [line["movement"] for line in found]


def _facts(page: Page) -> dict[str, str]:
    """What the open receipt says below its sum."""
    receipt = page.get_by_test_id("receipt")
    expect(receipt).to_be_visible()
    return dict(zip(receipt.locator("dt").all_inner_texts(), receipt.locator("dd").all_inner_texts(), strict=True))


def _ask(page: Page) -> None:
    """One reply, from its question to its end."""
    answer = page.request.post("/api/chat", data={"messages": [{"role": "user", "content": "Hello"}]})
    assert answer.ok, answer.text()


def _line(row: Locator) -> tuple[str, Decimal, Decimal]:
    amount, balance = row.locator(".num").all_inner_texts()
    return row.locator(".what > :first-child").inner_text(), _signed(amount), walks.dollars(balance)


def _signed(text: str) -> Decimal:
    return Decimal(text.strip().replace("\N{MINUS SIGN}", "-").replace("$", ""))
