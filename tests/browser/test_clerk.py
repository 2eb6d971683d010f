"""Signing in with Clerk: the real page with a stand-in for Clerk's script, and everything behind it real."""

import re
import time
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from projectloom import limits
from projectloom.config import PROJECT_ROOT
from tests.browser import walks
from tests.browser.axe import violations
from tests.browser.test_screens import assert_fits
from tests.browser.website import Website
from tests.browser.windows import DESK, PHONE, Windows
from tests.clerk_double import ClerkDouble, clerk_double, event, signed

# A build of its own beside the one of the other journeys, kept from run to run while the port is free.
PORT = 11_973
FOLDER = ".web-clerk"
pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def clerk() -> Iterator[ClerkDouble]:
    with clerk_double(PORT) as double:
        yield double


@pytest.fixture(scope="module")
def site(chromium_path: str, clerk: ClerkDouble, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Website]:
    """The site as Clerk signs people in to it."""
    website = Website(tmp_path_factory.mktemp("clerk-site"))
    website.start_seconds, website.speaks_to = 300, (clerk.url,)
    website.environment |= clerk.environment | {"REFLEX_WEB_WORKDIR": str(PROJECT_ROOT / FOLDER)}
    website.environment["SIGN_UP_BONUS_USD"] = "2"
    with website:
        yield website
        website.audit()


def enter(page: Page, address: str = "/sign-in") -> str:
    """Sign in on Clerk's form; the e-mail."""
    email = walks.new_email()
    page.goto(address)
    page.get_by_label("E-mail").fill(email)
    page.get_by_test_id("clerk-submit").click()
    expect(page.get_by_test_id("account-email")).to_have_text(email)
    return email


def tell(site: Website, clerk: ClerkDouble, kind: str, clerk_id: str) -> None:
    body = event(kind, {"id": clerk_id, "deleted": True} if kind == "user.deleted" else clerk.people[clerk_id])
    headers = signed(body, f"msg_{clerk_id}_{kind}")
    httpx.post(f"{site.url}/api/clerk/webhook", content=body, headers=headers, timeout=30).raise_for_status()


def test_whoever_is_not_signed_in_sees_clerk_s_form_and_nothing_private(page: Page):
    for address in ("/", "/settings", "/credits"):
        page.goto(address)
        expect(page).to_have_url(re.compile("/sign-in$"))
        expect(page.get_by_test_id("clerk-submit")).to_have_text("Continue")
    expect(page.get_by_test_id("sign-in-form")).to_have_count(0)
    page.goto("/pricing")
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    expect(page).to_have_url(re.compile("/pricing$"))


def test_somebody_new_signs_up_chats_on_the_welcome_credit_and_signs_out_for_good(page: Page, windows: Windows):
    windows.expect_complaint("status of 401")
    email = enter(page, "/sign-up")
    walks.ask(page, "PUT", "/api/preferences", {"apiKeyMode": "credits"})
    page.goto("/")
    expect(page.get_by_test_id("balance-pill")).to_have_text("$2.00")
    walks.send(page, "Hello")
    walks.await_end(page)
    conversation = page.url
    # A reload, and another tab, know who it is.
    page.reload()
    expect(page.get_by_test_id("account-email")).to_have_text(email)
    expect(page.get_by_test_id("reply-cost")).to_have_count(1)
    other = page.context.new_page()
    other.goto("/credits")
    expect(other.get_by_test_id("account-email")).to_have_text(email)

    page.get_by_test_id("sign-out").click()
    for tab in (page, other):
        expect(tab).to_have_url(re.compile("/sign-in$"))
        expect(tab.get_by_test_id("clerk-submit")).to_be_visible()
    assert page.request.get("/api/credits/balance").status == 401
    page.goto(conversation)
    expect(page).to_have_url(re.compile("/sign-in$"))


def test_who_is_signed_in_goes_straight_to_the_chat_and_finds_no_local_password(page: Page):
    email = enter(page)
    page.goto("/sign-in")
    expect(page).to_have_url(re.compile("/$"))
    page.goto("/settings")
    expect(page.get_by_test_id("profile-email")).to_have_text(email)
    for local in ("change-password", "sessions"):
        expect(page.get_by_test_id(local)).to_have_count(0)
    expect(page.get_by_label("Open user menu")).to_have_count(2)


def test_tokens_are_renewed_over_the_socket_and_a_session_that_ended_does_nothing(
    page: Page, site: Website, clerk: ClerkDouble, windows: Windows
):
    windows.expect_complaint("status of 401")
    lasting = clerk.token_seconds
    clerk.token_seconds = 8
    try:
        email = enter(page)
        page.goto("/settings")
        first_ends = time.monotonic() + clerk.token_seconds + limits.CLERK_SKEW_SECONDS
        expect(page.get_by_test_id("mode-own")).to_be_checked()
        # The token that this socket was opened with is over; a fresher one was told since.
        page.wait_for_timeout(1_000 * (first_ends + 1 - time.monotonic()))
        page.get_by_test_id("mode-credits").check()
        expect(page.get_by_test_id("credits-note")).to_be_visible()
        assert walks.balance(page)["balanceUsd"] == "2.00"

        # Clerk gives no token any more: the last one counts until its end, and nothing after it.
        del clerk.people[clerk.enter(email)]
        page.wait_for_timeout(1_000 * (clerk.token_seconds + limits.CLERK_SKEW_SECONDS + 1))
        page.get_by_test_id("mode-own").click(force=True)
        page.wait_for_timeout(1_000)
    finally:
        clerk.token_seconds = lasting
    kept = site.ask_books(
        "SELECT api_key_mode FROM preferences JOIN users ON users.id = user_id WHERE email = ?", email
    )
    assert kept == [("credits",)]


def test_a_token_that_clerk_did_not_sign_makes_a_tab_nobody_s(page: Page, site: Website, clerk: ClerkDouble):
    victim, thief = walks.new_email(), enter(page)
    forged = clerk.forged_with_the_public_key(clerk.enter(victim), site.url)
    page.evaluate("token => { window.Clerk.session.getToken = async () => token }", forged)
    page.evaluate("window.loomAskClerk()")
    expect(page).to_have_url(re.compile("/sign-in$"))
    expect(page.get_by_text(thief)).to_have_count(0)
    assert site.ask_books("SELECT 1 FROM users WHERE email = ?", victim) == []


def test_a_new_address_is_shown_and_who_was_deleted_at_clerk_is_told_so(
    page: Page, site: Website, clerk: ClerkDouble, windows: Windows
):
    windows.expect_complaint("status of 401")
    email = enter(page)
    clerk_id, new = clerk.enter(email), walks.new_email()
    clerk.join(clerk_id, new, at=2)
    tell(site, clerk, "user.updated", clerk_id)
    page.goto("/")
    expect(page.get_by_test_id("account-email")).to_have_text(new)

    # Clerk's tokens of a moment ago are good for a minute yet; here they are nobody's at once.
    tell(site, clerk, "user.deleted", clerk_id)
    page.goto("/")
    expect(page).to_have_url(re.compile("/sign-in$"))
    expect(page.get_by_test_id("sign-in-refused")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_test_id("clerk-submit")).to_be_visible()


def test_deleting_one_s_data_signs_out_at_clerk_too(page: Page, site: Website):
    email = enter(page)
    page.goto("/settings")
    page.get_by_test_id("delete-all").click()
    page.get_by_test_id("delete-email").fill(email)
    give_up = page.get_by_test_id("give-up-credit")
    if give_up.count():
        give_up.check()
    page.get_by_test_id("delete-confirm").click()
    expect(page).to_have_url(re.compile("/sign-in$"))
    expect(page.get_by_test_id("clerk-submit")).to_be_visible()
    assert page.evaluate("window.Clerk.session") is None
    assert site.ask_books("SELECT 1 FROM users WHERE email = ?", email) == []


def test_a_link_of_an_earlier_mail_is_told_that_clerk_keeps_the_account_now(windows: Windows):
    page = windows.open()
    for address in ("/forgot-password", "/reset-password#secret", "/confirm-email#secret"):
        page.goto(address)
        expect(page.get_by_role("heading", name="Your account is kept by Clerk")).to_be_visible()
    page.get_by_test_id("to-sign-in").click()
    expect(page.get_by_test_id("clerk-submit")).to_be_visible()


@pytest.mark.parametrize("device", [DESK, PHONE], ids=["1280", "390"])
def test_the_pages_with_clerk_s_parts_fit_and_are_accessible(windows: Windows, device: dict):
    width = device["viewport"]["width"]
    page = windows.open(**device)
    for address in ("/sign-in", "/sign-up"):
        page.goto(address)
        expect(page.get_by_test_id("clerk-submit")).to_be_visible()
        assert_fits(page, width)
        assert violations(page) == []
    if width > 1_080:
        enter(page)
        page.goto("/settings")
        expect(page.get_by_test_id("profile-email")).to_be_visible()
        assert_fits(page, width)
        assert violations(page) == []
