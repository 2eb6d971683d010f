"""The public page of prices: read by somebody who is not signed in."""

from playwright.sync_api import Page, expect

from tests.browser import walks
from tests.browser.website import Website
from tests.browser.windows import PHONE, Windows


def test_somebody_who_is_not_signed_in_reads_the_figures_that_the_card_holds(page: Page, site: Website):
    page.goto("/sign-in")
    page.get_by_role("link", name="How we charge").click()
    expect(page).to_have_url(f"{site.url}/pricing")
    expect(page.get_by_role("heading", level=1)).to_have_text("How we charge")
    prices = page.request.get("/api/prices").json()
    expect(page.get_by_test_id("price-version")).to_contain_text(f"Version {prices['version']} ")
    chats = [model for model in prices["models"] if model["kind"] == "chat"]
    for model in chats:
        row = page.locator(f"[data-model='{model['id']}:0']")
        expect(row).to_contain_text(model["label"])
        expect(row).to_contain_text(f"${float(model['rates']['output']):.2f}")
    assert len(chats) > 3
    page.get_by_role("link", name="Sign in").click()
    expect(page).to_have_url(f"{site.url}/sign-in")


def test_it_fits_a_phone_and_leads_back_to_the_chat(windows: Windows):
    page = windows.open(**PHONE)
    walks.join(page, mode="credits")
    page.goto("/credits")
    page.get_by_test_id("to-pricing").tap()
    expect(page.get_by_test_id("price-row").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("link", name="Back to chat").tap()
    expect(page.get_by_test_id("composer")).to_be_visible()
