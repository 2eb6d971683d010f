"""The operator's pages: what an operator sees and does there, and that nobody else finds any of it."""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from projectloom.ids import new_id
from tests.browser import walks
from tests.browser.axe import violations
from tests.browser.test_screens import assert_fits
from tests.browser.website import OPERATOR, Website
from tests.browser.windows import DESK, PHONE, Windows

pytestmark = pytest.mark.browser

PAGES = (
    ("/operator", "person"),
    ("/operator/waiting", "troubles-empty"),
    ("/operator/margins", "margins-agree"),
    ("/operator/prices", "version"),
    ("/operator/books", "promise"),
    ("/operator/record", "operator-record"),
)


def operate(page: Page, site: Website) -> None:
    """Be the operator in this window."""
    values = {"email": OPERATOR, "password": walks.PASSWORD}
    if page.request.post("/api/auth/sign-up", data=values).ok:
        site.command("confirm", OPERATOR, "--keep-password")
    walks.ask(page, "POST", "/api/auth/sign-in", values)


def somebody(windows: Windows, *, dollars: int = 0) -> tuple[Page, str]:
    """Somebody else on a device of their own, and their e-mail."""
    page = windows.open()
    return page, walks.join(page, mode="credits", dollars=dollars)


def open_person(page: Page, email: str) -> None:
    page.goto("/operator")
    page.get_by_test_id("people-q").fill(email)
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("person")).to_have_count(1)
    page.get_by_role("link", name=email).click()
    expect(page.get_by_role("heading", name=email)).to_be_visible()


def test_an_ordinary_person_sees_no_way_there_and_no_such_page(page: Page, windows: Windows):
    walks.join(page)
    page.goto("/settings")
    expect(page.get_by_test_id("to-settings")).to_be_visible()
    expect(page.get_by_test_id("to-operator")).to_have_count(0)
    for path, there in (*PAGES, ("/operator/person?id=usr_1", "person-balance")):
        page.goto(path)
        expect(page.get_by_test_id("not-found")).to_contain_text("There is no such page")
        expect(page.get_by_role("heading", level=1)).to_have_text("No such page")
        expect(page.get_by_test_id(there)).to_have_count(0)
        expect(page.get_by_role("navigation", name="Operator's pages")).to_have_count(0)
        # The page says it, and nothing beside it.
        expect(page.get_by_test_id("toast")).to_have_count(0)


def test_credit_is_given_by_keyboard_and_taken_back_and_both_are_in_the_record(
    page: Page, windows: Windows, site: Website
):
    person, email = somebody(windows, dollars=10)
    operate(page, site)
    page.goto("/settings")
    page.get_by_test_id("to-operator").click()
    expect(page).to_have_url(re.compile("/operator/?$"))
    open_person(page, email)
    expect(page.get_by_test_id("person-lot")).to_have_count(1)
    expect(page.get_by_test_id("take-back")).to_have_count(0)
    expect(page.get_by_test_id("person-order")).to_contain_text("Completed")

    page.get_by_test_id("give-credit").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("give-dialog")).to_be_visible()
    page.get_by_test_id("give-dollars").fill("0")
    page.get_by_test_id("give-reason").fill("Sorry for the outage")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("give-trouble")).to_contain_text("between 1 and 10,000")
    page.get_by_test_id("give-dollars").fill("5")
    page.get_by_test_id("give-reason").press("Enter")
    expect(page.get_by_text("$5.00 was given, for ever.").first).to_be_visible()
    expect(page.get_by_test_id("give-dialog")).to_have_count(0)
    expect(page.get_by_test_id("person-lot")).to_have_count(2)
    walks.await_balance(person, "15.00")

    page.get_by_test_id("take-back").click()
    expect(page.get_by_test_id("revoke-dialog")).to_contain_text("$5.00")
    page.get_by_test_id("revoke-reason").fill("Wrong person")
    page.get_by_test_id("revoke-confirm").click()
    expect(page.get_by_test_id("person-lot")).to_have_count(1)
    expect(page.get_by_test_id("person-movement").first).to_contain_text("Given credit taken back")
    page.get_by_test_id("person-receipt").last.click()
    expect(page.get_by_test_id("receipt-total")).to_have_text("+$10.00")
    expect(page.get_by_test_id("receipt-to-purchase")).to_have_count(0)
    page.get_by_test_id("close-receipt").click()
    walks.await_balance(person, "10.00")
    person.goto("/statement?kind=given")
    expect(person.get_by_test_id("statement-row")).to_have_count(2)

    page.get_by_test_id("operator-record").click()
    newest = page.get_by_test_id("action")
    expect(newest.first).to_contain_text("Took credit back")
    expect(newest.first).to_contain_text("Wrong person")
    expect(newest.first).to_contain_text(email)
    expect(newest.first).to_contain_text(OPERATOR)
    expect(newest.nth(1)).to_contain_text("Sorry for the outage")


def failed_event(site: Website, payload: object) -> str:
    """An event of Stripe's that failed and is not due by itself for long; its id."""
    event_id = new_id("evt")
    site.write(
        "INSERT INTO stripe_events (id, type, livemode, payload, received_at, attempts, next_try_at, error) "
        "VALUES (?, 'customer.created', 0, ?, '2026-01-01 00:00:00.000000', 3, '2100-01-01 00:00:00.000000', "
        "'KeyError')",
        event_id,
        json.dumps(payload),
    )
    return event_id


def test_what_failed_is_tried_again_with_one_press_and_is_gone_once_it_succeeds(page: Page, site: Website):
    good = failed_event(site, {"id": "evt_1", "object": "event", "type": "customer.created", "data": {"object": {}}})
    operate(page, site)
    page.goto("/operator/waiting")
    row = page.get_by_test_id("trouble").filter(has_text=good)
    expect(row).to_contain_text("KeyError. It failed 3 times.")
    row.get_by_test_id("retry").click()
    expect(page.get_by_test_id("retry-said")).to_contain_text("It is handled.")
    expect(row).to_have_count(0)
    page.get_by_test_id("operator-record").click()
    expect(page.get_by_test_id("action").filter(has_text=good)).to_contain_text("Handled an event of Stripe's again")


def test_the_margins_are_what_the_books_earned(page: Page, windows: Windows, site: Website):
    person, _ = somebody(windows, dollars=10)
    answer = person.request.post("/api/chat", data={"messages": [{"role": "user", "content": "Hello"}]})
    assert answer.ok, answer.text()
    operate(page, site)
    page.goto("/operator/margins")
    expect(page.get_by_test_id("margins-agree")).to_contain_text("to the last digit")
    charged = page.get_by_test_id("margins-charged").inner_text()
    assert walks.dollars(charged) > 0
    assert page.get_by_test_id("margins-earned").inner_text() == charged
    expect(page.get_by_test_id("margin-day").first).to_be_visible()
    page.locator("[data-choice=last_month]").click()
    expect(page.get_by_test_id("margins-empty")).to_be_visible()
    page.locator("[data-choice=days]").click()
    page.get_by_test_id("margins-since").fill("2026-01-02")
    page.get_by_test_id("margins-until").fill("2026-01-01")
    page.get_by_test_id("margins-days").click()
    expect(page.get_by_text("The first day must not be after the last.")).to_be_visible()


def test_a_proposal_is_compared_and_applied_for_a_time_to_come_with_a_reason(page: Page, site: Website):
    operate(page, site)
    page.goto("/operator/prices")
    page.get_by_test_id("propose-markup").fill("12.5")
    page.get_by_test_id("propose").click()
    expect(page.get_by_test_id("price-change").filter(has_text="markup")).to_contain_text("12.5")
    page.get_by_test_id("apply-prices").click()
    page.get_by_test_id("apply-at").fill("2099-01-01T00:00")
    page.get_by_test_id("apply-reason").fill("Costs will rise")
    page.get_by_test_id("apply-confirm").click()
    expect(page.get_by_text(re.compile("comes into force on 1 Jan 2099")).first).to_be_visible()
    expect(page.get_by_test_id("version").first).to_contain_text("1 Jan 2099")
    page.goto("/operator/record")
    expect(page.get_by_test_id("action").first).to_contain_text("Costs will rise")


def test_the_books_are_green_a_broken_promise_is_red_and_a_full_audit_counts_to_its_end(
    page: Page, windows: Windows, site: Website
):
    _, email = somebody(windows)
    operate(page, site)
    page.goto("/operator/books")
    verdict = page.get_by_test_id("books-verdict")
    expect(verdict).to_have_attribute("data-tone", "good")
    expect(page.get_by_test_id("prove")).to_have_attribute("data-busy", "no")
    (user_id,) = site.ask_books("SELECT id FROM users WHERE email = ?", email)[0]
    spent = "UPDATE ledger_accounts SET spent_nanos = spent_nanos + ? WHERE id = ?"
    site.write(spent, 7, f"user:{user_id}:credits")
    page.get_by_test_id("prove").click()
    expect(verdict).to_have_attribute("data-tone", "bad")
    expect(verdict).to_contain_text("1 promise is broken")
    broken = page.locator("[data-testid=promise][data-tone=bad]")
    expect(broken).to_have_count(1)
    expect(broken).to_contain_text("lifetime spending")
    expect(broken).to_contain_text(f"user:{user_id}:credits")
    site.write(spent, -7, f"user:{user_id}:credits")
    page.get_by_test_id("full-audit").click()
    expect(page.get_by_test_id("full-said")).to_contain_text("every promise held", timeout=60_000)
    expect(page.get_by_test_id("full-audit")).to_be_enabled()
    expect(verdict).to_have_attribute("data-tone", "good")


@pytest.mark.parametrize("device", [DESK, PHONE], ids=["1280", "390"])
def test_every_page_fits_and_has_nothing_wrong_for_those_who_hear_it_or_tab_through_it(
    windows: Windows, site: Website, device: dict
):
    width = device["viewport"]["width"]
    _, email = somebody(windows, dollars=10)
    site.grant(email, cents=500)
    page = windows.open(**device)
    operate(page, site)
    found: list[str] = []
    for path, there in PAGES:
        page.goto(path)
        expect(page.get_by_test_id(there).first).to_be_visible()
        name = page.get_by_role("heading", level=1).inner_text().removeprefix("Operator · ")
        expect(page).to_have_title(f"{name} · Operator · ProjectLoom")
        expect(page.get_by_test_id("to-operator")).to_have_attribute("aria-current", "page")
        assert_fits(page, width)
        # Nor does what stands in it scroll sideways within the page.
        if path.endswith("/margins"):
            wide = "all => all.filter(one => one.scrollWidth > one.clientWidth + 1).length"
            assert page.locator(".table-scroll").evaluate_all(wide) == 0
        found += [f"{path}: {one}" for one in violations(page)]
    open_person(page, email)
    assert_fits(page, width)
    found += [f"person: {one}" for one in violations(page)]
    page.get_by_test_id("give-credit").click()
    expect(page.get_by_test_id("give-dialog")).to_be_visible()
    found += [f"give: {one}" for one in violations(page)]
    assert found == []
