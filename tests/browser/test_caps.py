"""Caps by hand: set one, see it used, and be told before sending what it leaves."""

import re

from playwright.sync_api import Page, expect

from tests.browser import walks
from tests.browser.website import Website


def test_a_cap_is_set_shown_and_said_before_sending(page: Page, site: Website):
    email = walks.join(page, mode="credits", dollars=10)
    page.goto("/settings")
    page.get_by_test_id("cap-day").fill("0")
    page.get_by_test_id("caps-keep").click()
    expect(page.get_by_test_id("caps-trouble")).to_contain_text("between $1 and $10,000")
    page.get_by_test_id("cap-day").fill("1")
    page.get_by_test_id("caps-keep").click()
    page.get_by_test_id("open-usage").click()
    expect(page.get_by_test_id("cap-bars")).to_contain_text("$0.00 of $1.00")

    site.spend(email, cents=100)
    page.goto("/")
    page.get_by_test_id("composer").fill("Explain how tides work")
    expect(page.get_by_test_id("estimate")).to_contain_text("Your daily cap of $1.00 leaves $0.00")
    page.get_by_test_id("send").click()
    expect(page.get_by_text("It starts anew on").first).to_be_visible()
    assert walks.balance(page)["held"] == 0

    # What stands in the way says what can be done about it, as a button.
    page.get_by_test_id("wall-trouble").get_by_test_id("way-on").click()
    expect(page).to_have_url(re.compile("/settings/?#caps$"))
    page.get_by_test_id("cap-day").fill("")
    page.get_by_test_id("caps-keep").click()
    expect(page.get_by_test_id("cap-bars")).to_have_count(0)
    page.goto("/")
    walks.send(page, "Explain how tides work")
    walks.await_end(page)
    expect(page.get_by_test_id("reply-cost")).to_be_visible()
