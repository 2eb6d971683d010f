"""A forgotten password and an address to confirm, from the page to the mail and back."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser import walks
from tests.browser.axe import violations
from tests.browser.test_screens import assert_fits
from tests.browser.windows import DESK, PHONE, Windows

pytestmark = pytest.mark.browser

NEW = "another good password"


def open_mail(page: Page, email: str, address: str) -> None:
    """Open the newest link to this page that the sandbox's mailbox shows for somebody."""
    link = page.locator("article", has_text=email).locator(f"a[href*='{address}#']").first
    for _ in range(60):
        page.goto("/sandbox/mailbox")
        if link.count():
            break
        page.wait_for_timeout(500)
    link.click()
    expect(page).to_have_url(re.compile(f"{address}#"))


def test_a_forgotten_password_is_replaced_by_a_link_that_opens_once(page: Page, windows: Windows):
    windows.expect_complaint("status of 410")
    windows.expect_complaint("status of 401")
    elsewhere = windows.open()
    email = walks.join(elsewhere)
    page.goto("/sign-in")
    page.get_by_test_id("forgot").click()
    page.get_by_test_id("forgot-email").fill(email)
    page.get_by_test_id("forgot-submit").click()
    expect(page.get_by_test_id("account-done")).to_contain_text("If there is an account with that e-mail")
    open_mail(page, email, "/reset-password")
    link = page.url
    page.get_by_test_id("reset-password").fill(NEW)
    page.get_by_test_id("reset-submit").click()
    # It had no keys, so nothing is said of any.
    done = f"The password of {email} is changed, and it is signed out everywhere."
    expect(page.get_by_test_id("account-done")).to_have_text(done)
    assert elsewhere.request.get("/api/preferences").status == 401
    page.get_by_test_id("to-sign-in").click()
    page.get_by_test_id("email").fill(email)
    page.get_by_test_id("password").fill(NEW)
    page.get_by_test_id("sign-in-submit").click()
    expect(page.get_by_test_id("account-email")).to_have_text(email)

    again = windows.open()
    again.goto(link)
    again.get_by_test_id("reset-password").fill("a third password")
    again.get_by_test_id("reset-submit").click()
    expect(again.get_by_test_id("account-trouble")).to_contain_text("This link is over")


def test_an_address_is_confirmed_by_the_link_that_the_settings_send(page: Page, windows: Windows):
    email = walks.join(page)
    page.goto("/settings")
    expect(page.get_by_test_id("unconfirmed")).to_be_visible()
    page.get_by_test_id("send-link").click()
    expect(page.get_by_test_id("link-sent")).to_be_visible()
    open_mail(page, email, "/confirm-email")
    # Who reads the mails and is not signed in is asked for the account's password, and the link stays good.
    windows.expect_complaint("status of 403")
    windows.expect_complaint("status of 401")
    elsewhere = windows.open()
    elsewhere.goto(page.url)
    elsewhere.get_by_test_id("confirm-submit").click()
    expect(elsewhere.get_by_test_id("account-trouble")).to_contain_text("enter its password")
    elsewhere.get_by_test_id("confirm-password").fill("not theirs")
    elsewhere.get_by_test_id("confirm-submit").click()
    expect(elsewhere.get_by_test_id("account-trouble")).to_contain_text("do not match")
    assert violations(elsewhere) == []
    page.get_by_test_id("confirm-submit").click()
    expect(page.get_by_test_id("account-done")).to_contain_text(email)
    page.get_by_test_id("to-chat").click()
    expect(page.get_by_test_id("account-email")).to_have_text(email)
    page.goto("/settings")
    expect(page.get_by_test_id("profile-email")).to_have_text(email)
    expect(page.get_by_test_id("unconfirmed")).to_have_count(0)


def test_whoever_is_signed_in_as_somebody_else_is_told_so_and_led_to_the_account_of_the_link(
    page: Page, windows: Windows
):
    email = walks.join(windows.open())
    other = walks.join(page)
    page.request.post("/api/auth/forgot-password", data={"email": email})
    open_mail(page, email, "/reset-password")
    page.get_by_test_id("reset-password").fill(NEW)
    page.get_by_test_id("reset-submit").click()
    expect(page.get_by_text(f"You are still signed in as {other} here.")).to_be_visible()
    page.get_by_test_id("change-account").click()
    page.get_by_test_id("email").fill(email)
    page.get_by_test_id("password").fill(NEW)
    page.get_by_test_id("sign-in-submit").click()
    expect(page.get_by_test_id("account-email")).to_have_text(email)


@pytest.mark.parametrize("device", [DESK, PHONE], ids=["1280", "390"])
def test_the_pages_of_links_fit_and_are_accessible(windows: Windows, device: dict):
    page = windows.open(**device)
    for address, part in (
        ("/forgot-password", "forgot-email"),
        ("/reset-password#secret", "reset-password"),
        ("/confirm-email#secret", "confirm-submit"),
    ):
        page.goto(address)
        expect(page.get_by_test_id(part)).to_be_enabled()
        assert_fits(page, device["viewport"]["width"])
        assert violations(page) == []
