"""A payment after the payment page: what people see while a bank decides, after a refund, and when news is lost."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser import walks
from tests.browser.website import Website

CONTROL = "/sandbox/control/api"


@pytest.fixture(autouse=True)
def _no_trouble_afterwards(page: Page) -> Iterator[None]:
    yield
    walks.ask(page, "POST", f"{CONTROL}/reset", {})


def test_a_delayed_method_that_later_succeeds_waits_in_words_among_the_purchases_and_arrives_by_itself(page: Page):
    walks.join(page, mode="credits")
    url = _begin(page, 100)
    page.goto("/credits")
    purchase = page.get_by_test_id("purchase")
    expect(purchase).to_contain_text("Not paid")
    _mark(page)
    _choose(page, url, "later_paid")
    expect(purchase).to_contain_text("Waiting for your bank")
    expect(page.get_by_test_id("balance-pill")).to_have_text("$0.00")
    expect(purchase).to_contain_text("Complete")
    expect(page.get_by_test_id("balance-pill")).to_have_text("$115.00")
    _was_not_loaded_again(page)


def test_a_refund_of_what_is_half_spent_is_a_debt_in_words_that_stops_replies_until_a_purchase_pays_it_first(
    page: Page, site: Website
):
    email = walks.join(page, mode="credits")
    walks.pay_away(page, 25)
    walks.await_balance(page, "27.00")
    site.spend(email, cents=1_350)
    [(intent,)] = site.ask_books(
        "SELECT payment_intent_id FROM orders JOIN users ON users.id = orders.user_id WHERE email = ?", email
    )
    page.goto("/credits")
    expect(page.get_by_test_id("balance-pill")).to_have_text("$13.50")
    walks.ask(page, "POST", f"{CONTROL}/refunds", {"payment_intent": intent})
    walks.await_balance(page, "0.00")
    page.goto("/credits")
    expect(page.locator("#main").get_by_test_id("balance-debt")).to_contain_text("$13.50")
    expect(page.get_by_test_id("purchase")).to_contain_text("Refunded")

    refused = page.request.post("/api/chat", data={"messages": [{"role": "user", "content": "Hello"}]})
    assert refused.status == 402
    page.goto("/")
    walks.send(page, "Hello")
    expect(page.get_by_test_id("wall-credits")).to_be_visible()
    expect(page.get_by_test_id("question-text")).to_have_count(0)

    page.goto("/credits")
    page.get_by_test_id("buy-50").click()
    walks.choose_on_payment_page(page, "paid")
    expect(page.get_by_test_id("balance-pill")).to_have_text("$41.50")
    page.goto("/statement")
    rows = page.get_by_test_id("statement-row")
    expect(rows).to_have_count(5)
    expect(rows.first).to_contain_text("Debt paid off")
    rows.first.get_by_test_id("statement-purchase").click()
    named = page.locator("tr.named")
    expect(named).to_contain_text("$50.00")
    expect(page.locator("#main").get_by_test_id("balance-debt")).to_have_count(0)
    site.audit()


def test_a_lost_webhook_is_healed_while_the_credits_page_is_open(page: Page, site: Website):
    walks.join(page, mode="credits")
    url = _begin(page, 25)
    page.goto("/credits")
    purchase = page.get_by_test_id("purchase")
    expect(purchase).to_contain_text("Not paid")
    _mark(page)
    walks.ask(page, "POST", f"{CONTROL}/rules", {"drop_next": 10})
    _choose(page, url, "paid")
    assert walks.balance(page)["balanceUsd"] == "0.00"
    site.command("reconcile")
    expect(purchase).to_contain_text("Complete")
    expect(page.get_by_test_id("balance-pill")).to_have_text("$27.00")
    _was_not_loaded_again(page)


def _begin(page: Page, dollars: int) -> str:
    """Open a purchase; where its payment page is."""
    return walks.ask(page, "POST", "/api/stripe/create-checkout", {"amount": dollars})["url"]


def _choose(page: Page, url: str, outcome: str) -> None:
    """Choose on the payment page, in another window."""
    answer = page.request.post(url, form={"outcome": outcome}, max_redirects=0)
    assert answer.status == 303, answer.text()


def _mark(page: Page) -> None:
    page.evaluate("window.marked = true")


def _was_not_loaded_again(page: Page) -> None:
    assert page.evaluate("window.marked === true")
