"""Redeeming a promotional code on the credits page."""

from playwright.sync_api import Page, expect

from projectloom.clock import now
from tests.browser import walks
from tests.browser.website import Website
from tests.browser.windows import PHONE, Windows


def open_credits(page: Page) -> None:
    page.goto("/credits")
    expect(page.get_by_test_id("balance-amount").first).to_have_text("$0.00")


def test_a_code_is_redeemed_with_the_keyboard_and_the_second_time_says_so(page: Page, site: Website):
    code = site.command("grant", "--code", "5", "--uses", "2", "--days", "30").split()[0]
    walks.join(page, mode="credits")
    open_credits(page)
    field, said = page.get_by_test_id("redeem-code"), page.get_by_test_id("redeem-said")
    expect(field).to_be_hidden()
    page.get_by_test_id("redeem-open").focus()
    page.keyboard.press("Enter")
    expect(field).to_be_visible()
    page.keyboard.press("Tab")
    expect(field).to_be_focused()

    page.keyboard.type("NO-SUCH-CODE")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("We do not know that code. Please check how it is written.")
    expect(field).to_have_value("NO-SUCH-CODE")

    field.fill(f" {code.lower()} ")
    page.keyboard.press("Enter")
    expect(said).to_contain_text("$5.00 of credit was added. It expires on ")
    expect(said).to_contain_text(str(now().year)[:2])
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(field).to_have_value("")
    expect(field).to_be_focused()
    expect(page.get_by_test_id("balance-amount").first).to_have_text("$5.00")

    field.fill(code)
    page.get_by_test_id("redeem-submit").click()
    expect(said).to_have_text("You have redeemed this code before. Nothing was added.")
    assert walks.balance(page)["balanceUsd"] == "5.00"
    page.goto("/statement")
    expect(page.get_by_text(f"Code {code}")).to_be_visible()
    page.goto("/credits")
    page.get_by_test_id("redeem-open").click()
    expect(field).to_be_visible()
    expect(said).to_have_count(0)


def test_on_a_phone_the_field_fits_and_a_used_up_code_is_refused_in_place(windows: Windows, site: Website):
    code = site.command("grant", "--code", "5").split()[0]
    lucky, late = windows.open(**PHONE), windows.open(**PHONE)
    for page, words in (
        (lucky, "$5.00 of credit was added."),
        (late, "That code has been used as often as it can be."),
    ):
        walks.join(page, mode="credits")
        open_credits(page)
        page.get_by_test_id("redeem-open").tap()
        page.get_by_test_id("redeem-code").fill(code)
        page.get_by_test_id("redeem-submit").tap()
        expect(page.get_by_test_id("redeem-said")).to_have_text(words)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert walks.balance(late)["balanceUsd"] == "0.00"
