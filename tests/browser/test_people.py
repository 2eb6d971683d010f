"""Coming in, going out, and keeping one's conversations in order."""

import json
import re

from playwright.sync_api import Page, expect

from tests.browser import walks
from tests.browser.windows import Windows

# Remembers, across page loads, whether anything of a person's was drawn.
_WATCH_FOR_PRIVATE = """(() => {
  const kept = "[data-testid=mode-own], [data-testid=balance-card], [data-testid=balance-pill]," +
    "[data-testid=conversation], [data-testid=purchase], [data-testid=question-text]";
  const look = () => {
    const text = document.body?.textContent ?? "";
    if (text.includes(WORDS) || document.querySelector(kept)) sessionStorage.setItem("flashed", location.pathname);
  };
  new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });
})();"""


def test_sign_out_leads_to_sign_in_and_private_pages_show_nothing_any_more(page: Page, windows: Windows):
    windows.expect_complaint("status of 401")
    email = walks.join(page, mode="credits", dollars=10)
    page.goto("/")
    walks.send(page, "Hello")
    walks.await_end(page)
    conversation = page.url
    [cookie] = page.context.cookies()
    assert cookie.get("httpOnly")
    assert cookie.get("sameSite") in {"Lax", "Strict"}

    page.get_by_test_id("sign-out").click()
    expect(page).to_have_url(re.compile("/sign-in$"))
    expect(page.get_by_test_id("sign-in-form")).to_be_visible()
    assert page.request.get("/api/credits/balance").status == 401
    page.add_init_script(_WATCH_FOR_PRIVATE.replace("WORDS", json.dumps(email)))
    page.go_back()
    expect(page.get_by_test_id("sign-in-form")).to_be_visible()
    for address in ("/", "/settings", "/credits", "/statement", conversation):
        page.goto(address)
        expect(page.get_by_test_id("sign-in-form")).to_be_visible()
        expect(page).to_have_url(re.compile("/sign-in$"))
        assert page.evaluate("sessionStorage.getItem('flashed')") is None

    # The session has ended on the server too: its cookie opens nothing elsewhere.
    thief = windows.open()
    theirs = {"Cookie": f"{cookie.get('name')}={cookie.get('value')}"}
    assert thief.request.get("/api/credits/balance", headers=theirs).status == 401


def test_signing_out_takes_the_other_tabs_along_and_the_next_person_sees_nothing_of_the_last(page: Page):
    email = walks.join(page, mode="credits", dollars=10)
    page.goto("/")
    walks.send(page, "Hello")
    walks.await_end(page)
    tab = page.context.new_page()
    tab.goto("/credits")
    expect(tab.get_by_test_id("purchase")).to_have_count(1)
    for each in (page, tab):
        each.evaluate("sessionStorage.removeItem('flashed')")
        each.add_init_script(_WATCH_FOR_PRIVATE.replace("WORDS", json.dumps(email)))
    page.bring_to_front()
    page.get_by_test_id("sign-out").click()
    for each in (page, tab):
        expect(each).to_have_url(re.compile("/sign-in$"))
    newcomer = walks.sign_up(page)
    expect(tab.get_by_test_id("account-email")).to_have_text(newcomer)
    tab.goto("/credits")
    expect(tab.get_by_test_id("purchases-empty")).to_be_visible()
    for each in (page, tab):
        assert each.evaluate("sessionStorage.getItem('flashed')") is None


def test_private_pages_of_a_stranger_lead_to_sign_in_without_a_flash(page: Page):
    page.add_init_script(_WATCH_FOR_PRIVATE.replace("WORDS", json.dumps("@example.org")))
    for address in ("/", "/settings", "/credits", "/statement", "/c/cnv_nothing"):
        page.goto(address)
        expect(page).to_have_url(re.compile("/sign-in$"))
        expect(page.get_by_test_id("sign-in-form")).to_be_visible()
    assert page.evaluate("sessionStorage.getItem('flashed')") is None


def test_the_page_that_was_asked_for_is_shown_after_signing_in_or_up(page: Page, windows: Windows):
    email = walks.join(windows.open())
    page.goto("/statement?kind=purchases")
    expect(page.get_by_test_id("sign-in-form")).to_be_visible()
    expect(page).to_have_url(re.compile("/sign-in$"))
    page.reload()
    page.get_by_test_id("email").fill(email)
    page.get_by_test_id("password").fill(walks.PASSWORD)
    page.get_by_test_id("sign-in-submit").click()
    expect(page.get_by_test_id("account-email")).to_have_text(email)
    expect(page).to_have_url(re.compile(r"/statement\?kind=purchases$"))
    # Whoever leaves decides nothing for the next one.
    page.get_by_test_id("sign-out").click()
    expect(page).to_have_url(re.compile("/sign-in$"))
    walks.sign_in(page, email)
    expect(page).to_have_url(re.compile(r"^http://[^/]+/$"))

    newcomer = windows.open()
    newcomer.goto("/settings")
    expect(newcomer.get_by_test_id("sign-in-form")).to_be_visible()
    walks.sign_up(newcomer)
    expect(newcomer).to_have_url(re.compile("/settings$"))


def test_a_sign_in_leads_to_pages_of_this_site_only(page: Page):
    page.goto("/sign-in")
    take = "kept => { sessionStorage.setItem('loom:next', kept); return window.loomNext.take(); }"
    for kept in (
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "https://evil.example",
        "/sign-in",
        "javascript:1",
    ):
        assert page.evaluate(take, kept) == "/"
    for kept in ("/settings#profile", "/c/cnv_1?at=msg_1", "/credits"):
        assert page.evaluate(take, kept) == kept
    assert page.evaluate("window.loomNext.take()") == "/"


def test_sign_up_is_an_address_of_its_own_and_leads_on_to_what_was_asked_for(page: Page):
    page.goto("/settings")
    expect(page.get_by_test_id("sign-in-form")).to_be_visible()
    page.goto("/sign-up")
    expect(page).to_have_title("Create an account · ProjectLoom")
    page.get_by_test_id("email").fill(walks.new_email())
    page.get_by_test_id("password").fill(walks.PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page).to_have_url(re.compile("/settings$"))
    page.goto("/sign-up")
    expect(page).to_have_url(re.compile("/$"))


def test_somebody_else_s_conversation_is_not_there(page: Page, windows: Windows):
    walks.join(page, mode="credits", dollars=10)
    page.goto("/")
    walks.send(page, "Hello")
    walks.await_end(page)
    other = windows.open()
    walks.join(other)
    other.goto(page.url)
    expect(other.get_by_test_id("toast")).to_contain_text("not here any more")
    expect(other.get_by_test_id("question-text")).to_have_count(0)
    expect(other).not_to_have_url(page.url)


def test_a_wrong_password_is_told_beside_the_form(page: Page, windows: Windows):
    windows.expect_complaint("status of 401")
    email = walks.join(windows.open())
    page.goto("/sign-in")
    page.get_by_test_id("email").fill(email)
    page.get_by_test_id("password").fill("not the password")
    page.get_by_test_id("sign-in-submit").click()
    expect(page.get_by_test_id("sign-in-error")).not_to_be_empty()
    expect(page.get_by_test_id("email")).to_have_value(email)
    expect(page).to_have_url(re.compile("/sign-in$"))
    page.get_by_test_id("password").fill(walks.PASSWORD)
    page.get_by_test_id("password").press("Enter")
    expect(page.get_by_test_id("account-email")).to_have_text(email)


def test_signing_up_twice_with_one_address_is_told_beside_the_form(page: Page, windows: Windows):
    windows.expect_complaint("status of 409")
    email = walks.join(windows.open())
    page.goto("/sign-in")
    page.get_by_test_id("switch-mode").click()
    page.get_by_test_id("email").fill(email)
    page.get_by_test_id("password").fill(walks.PASSWORD)
    page.get_by_test_id("sign-in-submit").click()
    expect(page.get_by_test_id("sign-in-error")).not_to_be_empty()


def test_the_demonstration_account_opens_by_one_button_and_has_credits_three_presses_away(page: Page):
    page.goto("/")
    page.get_by_test_id("demo-sign-in").click()
    expect(page.get_by_test_id("composer")).to_be_visible()
    expect(page.get_by_test_id("account-email")).to_contain_text("demo@")
    page.get_by_test_id("begin-credits").click()
    page.get_by_test_id("first-credits").get_by_test_id("buy-25").click()
    walks.choose_on_payment_page(page, "paid")
    expect(page.get_by_test_id("balance-pill")).to_have_text("$27.00")
    page.get_by_test_id("starter").first.click()
    page.get_by_test_id("send").click()
    walks.await_end(page)


def test_a_conversation_is_listed_at_once_renamed_deleted_and_brought_back(page: Page):
    walks.join(page, mode="credits", dollars=10)
    page.goto("/")
    walks.send(page, "Describe a lighthouse")
    line = page.get_by_test_id("conversation")
    expect(line).to_have_count(1)
    walks.await_end(page)
    expect(line).to_contain_text("lighthouse")

    line.hover()
    page.get_by_test_id("conversation-menu").click()
    page.get_by_test_id("rename").click()
    field = page.get_by_test_id("rename-field")
    expect(field).to_be_focused()
    field.fill("A tower with a lamp")
    field.press("Enter")
    expect(line).to_have_text("A tower with a lamp")
    expect(page.locator("h1")).to_have_text("A tower with a lamp")

    line.hover()
    page.get_by_test_id("conversation-menu").click()
    page.get_by_test_id("delete").click()
    expect(line).to_have_count(0)
    expect(page.get_by_test_id("question-text")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(line).to_have_text("A tower with a lamp")
    line.click()
    expect(page.get_by_test_id("question-text")).to_have_text(re.compile("Describe a lighthouse"))
    walks.await_end(page)
    page.reload()
    expect(line).to_have_text("A tower with a lamp")
