"""The activity: figures that agree with the statement, filters in the address, one balance in every tab."""

import csv
import io
import re
from decimal import Decimal

from playwright.sync_api import Page, expect

from projectloom.money import NANOS_PER_USD, format_usd
from tests.browser import walks
from tests.browser.test_screens import assert_fits
from tests.browser.windows import PHONE, Windows


def test_the_activity_agrees_with_the_statement_and_each_amount_opens_its_receipt(page: Page):
    walks.join(page, mode="credits", dollars=10)
    page.goto("/activity")
    expect(page.get_by_test_id("activity-empty")).to_contain_text("Nothing was used in this time.")
    _ask(page, "Hello")
    _ask(page, "Write a long essay about rivers", model="claude-haiku-5-5")
    page.reload()
    expect(page.get_by_test_id("activity-record")).to_have_count(2)
    total = walks.dollars(page.get_by_test_id("activity-total").inner_text())
    assert total == Decimal("10.00") - Decimal(walks.balance(page)["balanceUsd"])
    assert total == sum(walks.dollars(text) for text in page.get_by_test_id("activity-receipt").all_inner_texts())
    expect(page.get_by_test_id("activity-week")).to_contain_text("In the last 7 days you had 2 replies")

    page.get_by_test_id("activity-receipt").first.click()
    newest = walks.dollars(page.get_by_test_id("activity-receipt").first.inner_text())
    assert walks.dollars(page.get_by_test_id("receipt-total").inner_text()) == newest
    page.get_by_test_id("close-receipt").click()
    page.get_by_role("link", name="In the statement").click()
    expect(page.get_by_test_id("statement-row")).to_have_count(2)
    amounts = page.locator(".amount-cell").all_inner_texts()
    assert total == sum(Decimal(text.strip().replace("\N{MINUS SIGN}$", "")) for text in amounts)


def test_what_is_chosen_is_in_the_address_survives_a_reload_and_is_what_the_file_has(page: Page):
    walks.join(page, mode="credits", dollars=10)
    _ask(page, "Hello")
    _ask(page, "Hello", model="claude-haiku-5-5")
    page.goto("/activity")
    rows = page.get_by_test_id("activity-record")
    expect(rows).to_have_count(2)
    page.locator("[data-side=model] [data-choice=claude-haiku-5-5]").click()
    expect(page).to_have_url(re.compile(r"/activity/?\?model=claude-haiku-5-5$"))
    expect(rows).to_have_count(1)
    page.reload()
    expect(page.get_by_test_id("activity-filter")).to_have_count(1)
    expect(rows).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_test_id("activity-csv").click()
    lines = list(csv.DictReader(io.StringIO(download.value.path().read_text("utf-8"))))
    assert [line["model"] for line in lines] == ["claude-haiku-5-5"]
    shown = walks.dollars(page.get_by_test_id("activity-receipt").inner_text())
    assert Decimal(lines[0]["charged_usd"]) == shown

    page.get_by_test_id("activity-filter").click()
    expect(rows).to_have_count(2)
    # The bars are one stop for the keyboard, which begins at the last day with anything in it.
    page.locator("[data-testid=activity-bar][tabindex='0']").press("Enter")
    expect(page).to_have_url(re.compile(r"\?on=\d{4}-\d\d-\d\d$"))
    expect(rows).to_have_count(2)
    page.locator("[data-choice=last_month]").click()
    expect(page.get_by_test_id("activity-empty")).to_be_visible()


def test_every_tab_shows_the_balance_that_a_reply_in_one_of_them_leaves(page: Page):
    walks.join(page, mode="credits", dollars=10)
    page.goto("/")
    other = page.context.new_page()
    other.goto("/credits")
    shown = other.locator("#main")
    expect(shown.get_by_test_id("balance-amount")).to_have_text("$10.00")
    page.bring_to_front()
    walks.send(page, "Hello")
    walks.await_end(page)
    cost = page.get_by_test_id("reply-cost").inner_text()
    expect(page.get_by_test_id("balance-moved")).to_have_text(f"\N{MINUS SIGN}{cost}")
    left = walks.balance(page)["balanceUsd"]
    expect(shown.get_by_test_id("balance-amount")).to_have_text(f"${left}")
    expect(page.get_by_test_id("balance-pill")).to_have_text(f"${left}")
    # By the same figure, in sight: what is shown before, less what is shown of the cost, is what is shown after.
    fallen = Decimal("10.00") - walks.dollars(page.get_by_test_id("balance-pill").inner_text())
    assert format_usd(int(fallen * NANOS_PER_USD)) == cost


def test_the_activity_does_not_scroll_sideways_on_a_phone(windows: Windows):
    page = windows.open(**PHONE)
    walks.join(page, mode="credits", dollars=10)
    _ask(page, "Hello")
    page.goto("/activity")
    expect(page.get_by_test_id("activity-record")).to_have_count(1)
    page.get_by_test_id("activity-as-table").click()
    assert_fits(page, 390)


def _ask(page: Page, text: str, model: str | None = None) -> None:
    """One reply, from its question to its end."""
    body = {"messages": [{"role": "user", "content": text}]} | ({"model": model} if model else {})
    answer = page.request.post("/api/chat", data=body)
    assert answer.ok, answer.text()
