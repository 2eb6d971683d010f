"""Every page at both widths and in both themes, and the whole of it with a thumb."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser import walks
from tests.browser.windows import DESK, PHONE, Windows

CANVAS = {"light": "rgb(250, 250, 250)", "dark": "rgb(17, 17, 19)"}

# What is too wide: the document, a part of the page that scrolls downwards, or a control that lies outside the window.
# Tables and code may scroll sideways in boxes of their own.
_TOO_WIDE = """() => {
  const found = [];
  const page = document.scrollingElement;
  if (page.scrollWidth > innerWidth) found.push(`the document: ${page.scrollWidth} of ${innerWidth}`);
  for (const part of document.querySelectorAll("main, .thread, .panel, .sidebar, .top, .dialog")) {
    if (part.scrollWidth > part.clientWidth + 1) found.push(`${part.className || part.tagName}: ${part.scrollWidth}`);
  }
  for (const control of document.querySelectorAll("button, a, input, textarea, summary")) {
    const { left, right, width } = control.getBoundingClientRect();
    const asideOrBox = control.closest("aside, .table-scroll, pre, .skip, .menu-list");
    if (width && !asideOrBox && (right > innerWidth + 1 || left < -1)) found.push(control.outerHTML.slice(0, 120));
  }
  return found;
}"""


def assert_fits(page: Page, width: int) -> None:
    for scheme, canvas in CANVAS.items():
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(50)
        assert page.evaluate("innerWidth") == width
        assert page.evaluate(_TOO_WIDE) == [], f"{page.url} in {scheme}"
        if "/sandbox/" not in page.url:
            assert page.evaluate("getComputedStyle(document.body).backgroundColor") == canvas


@pytest.mark.parametrize("device", [DESK, PHONE], ids=["1280", "390"])
def test_no_page_scrolls_sideways_in_either_theme(windows: Windows, device: dict):
    width = device["viewport"]["width"]
    page = windows.open(**device)
    page.goto("/sign-in")
    expect(page.get_by_test_id("sign-in-form")).to_be_visible()
    assert_fits(page, width)
    page.get_by_test_id("switch-mode").click()
    assert_fits(page, width)

    walks.join(page)
    page.goto("/")
    expect(page.get_by_test_id("first-step")).to_be_visible()
    assert_fits(page, width)
    page.goto("/settings")
    expect(page.get_by_test_id("key-fields")).to_be_visible()
    assert_fits(page, width)
    page.get_by_test_id("mode-credits").check()
    expect(page.get_by_test_id("credits-note")).to_be_visible()
    assert_fits(page, width)
    page.goto("/credits")
    expect(page.get_by_test_id("purchases-empty")).to_be_visible()
    assert_fits(page, width)
    page.get_by_test_id("buy-100").click()
    page.wait_for_url(re.compile("/sandbox/checkout/"))
    assert_fits(page, width)
    walks.choose_on_payment_page(page, "paid")
    expect(page.get_by_test_id("purchase-banner")).to_contain_text("Purchase complete")
    assert_fits(page, width)
    page.goto("/")
    walks.send(page, "Compare a" + "very" * 60 + "longword with a table and code")
    walks.await_end(page)
    assert_fits(page, width)
    page.get_by_test_id("model-picker").click()
    assert_fits(page, width)
    page.keyboard.press("Escape")
    page.get_by_test_id("reply-cost").click()
    expect(page.get_by_test_id("receipt")).to_be_visible()
    assert_fits(page, width)
    page.get_by_test_id("close-receipt").click()
    page.get_by_test_id("toggle-usage").click()
    expect(page.get_by_test_id("balance-card")).to_be_visible()
    assert_fits(page, width)
    page.goto("/credits")
    expect(page.get_by_test_id("purchase")).to_have_count(1)
    assert_fits(page, width)
    for path in ("/credits", "/activity", "/statement", "/settings", "/agent"):
        page.goto(path)
        expect(page.get_by_test_id("balance-pill")).to_be_visible()
        # Beside the balance the name of the page is read to its end.
        cut = "one => one.scrollWidth > one.clientWidth"
        assert not page.get_by_role("heading", level=1).evaluate(cut), path


def test_on_a_phone_a_message_is_sent_and_the_usage_sheet_opens_and_closes(windows: Windows):
    page = windows.open(**PHONE)
    walks.join(page, mode="credits", dollars=10)
    page.goto("/")
    composer = page.get_by_test_id("composer")
    composer.tap()
    composer.press_sequentially("Hello")
    composer.press("Enter")
    expect(composer).to_have_value("Hello\n")
    page.get_by_test_id("send").tap()
    walks.await_end(page)
    expect(page.get_by_test_id("reply-cost")).to_be_in_viewport()
    expect(composer).to_be_in_viewport()

    sheet = page.get_by_test_id("usage-panel")
    expect(sheet).not_to_be_in_viewport()
    page.get_by_test_id("toggle-usage").tap()
    expect(sheet.get_by_test_id("balance-amount")).to_be_in_viewport()
    expect(sheet.get_by_test_id("usage-total")).to_be_visible()
    page.get_by_test_id("close-usage").tap()
    expect(sheet).not_to_be_in_viewport()

    page.get_by_role("button", name="Open the menu").tap()
    page.get_by_test_id("to-settings").tap()
    expect(page.get_by_test_id("mode-credits")).to_be_checked()
    expect(page.get_by_test_id("to-settings")).not_to_be_in_viewport()
