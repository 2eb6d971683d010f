"""Who pays: one's own keys or credits, chosen in Settings and known everywhere."""

import re
import time
from decimal import Decimal
from typing import Any

from playwright.sync_api import Page, expect

from projectloom.money import NANOS_PER_USD, format_usd
from tests.browser import walks
from tests.browser.windows import WAIT_MS, Windows

KEY = "sk-ant-api03-made-up-for-this-test-wxyz"


def test_own_keys_are_asked_for_kept_out_of_sight_and_pay_without_any_charge(page: Page):
    walks.join(page)
    draft = "Compare tea and coffee"
    page.goto("/")
    expect(page.get_by_test_id("first-step")).to_be_visible()
    walks.send(page, draft)
    expect(page.get_by_test_id("wall-payer")).to_be_visible()
    expect(page.get_by_test_id("composer")).to_have_value(draft)
    page.goto("/settings")

    expect(page.get_by_test_id("mode-own")).to_be_checked()
    page.get_by_test_id("key-anthropic").fill(KEY)
    page.get_by_test_id("save-key-anthropic").click()
    expect(page.get_by_test_id("key-hint-anthropic")).to_have_text("sk-ant-…wxyz")
    expect(page.get_by_test_id("key-anthropic")).to_have_count(0)
    expect(page.get_by_test_id("key-openai")).to_have_value("")
    page.reload()
    expect(page.get_by_test_id("key-hint-anthropic")).to_have_text("sk-ant-…wxyz")
    assert KEY not in page.content()
    assert KEY not in page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")

    page.get_by_test_id("new-chat").click()
    expect(page.get_by_test_id("composer")).to_have_value(draft)
    page.get_by_test_id("send").click()
    walks.await_end(page)
    expect(page.get_by_test_id("reply-payer")).to_have_text("paid with your own key")
    receipt = walks.read_receipt(page)
    assert receipt["Paid with"] == "your own key"
    assert not {"Held at most", "Taken from your balance", "Ledger entry"} & set(receipt)
    assert receipt["Usage record"]
    found = walks.balance(page)
    assert (found["balanceUsd"], found["lifetimeSpentUsd"], found["held"]) == ("0.00", "0.00", 0)

    cost = sum(int(Decimal(record["providerCostUsd"]) * NANOS_PER_USD) for record in _reply_and_title(page))
    page.reload()
    page.get_by_test_id("toggle-usage").click()
    panel = page.get_by_test_id("usage-panel")
    expect(panel.get_by_test_id("balance-card")).to_have_count(0)
    expect(panel.get_by_test_id("own-keys-note")).to_be_visible()
    expect(panel.get_by_test_id("usage-total")).to_have_text("$0.00")
    expect(panel.get_by_test_id("usage-own-key")).to_have_text(format_usd(cost))
    expect(panel.get_by_test_id("usage-provider")).to_have_count(1)
    expect(panel.get_by_test_id("usage-provider")).to_contain_text("Anthropic2 replies")
    expect(panel.get_by_test_id("usage-source").filter(has_text="Chat1 reply")).to_have_count(1)
    for period, models in (("last_month", 0), ("year_to_date", 2), ("all_time", 2), ("this_month", 2)):
        panel.locator("label", has=page.get_by_test_id(f"period-{period}")).click()
        expect(panel.get_by_test_id("usage-model")).to_have_count(models)
    # A sum leads to what it is made of.
    panel.get_by_test_id("usage-source").filter(has_text="Chat1 reply").get_by_role("link").click()
    expect(page).to_have_url(re.compile(r"/activity/?\?source=chat$"))
    expect(page.get_by_test_id("activity-record")).to_have_count(1)


def _reply_and_title(page: Page) -> list[dict[str, Any]]:
    """What was used once the title, which another model finds with the same key, was found too."""
    deadline = time.monotonic() + WAIT_MS / 1000
    while time.monotonic() < deadline:
        used = page.request.get("/api/usage").json()["usage"]
        if len(used) == 2:
            return used
        page.wait_for_timeout(100)
    raise AssertionError("no title was found")


def test_a_deleted_key_is_forgotten(page: Page):
    walks.join(page)
    page.goto("/settings")
    page.get_by_test_id("key-openai").fill("sk-proj-made-up-for-this-test-wxyz")
    page.get_by_test_id("key-openai").press("Enter")
    page.get_by_test_id("delete-key-openai").click()
    page.get_by_test_id("delete-key-confirm").click()
    expect(page.get_by_test_id("key-openai")).to_have_value("")
    page.reload()
    expect(page.get_by_test_id("key-openai")).to_be_visible()


def test_something_that_is_no_key_is_refused_in_words(page: Page):
    walks.join(page)
    page.goto("/settings")
    page.get_by_test_id("key-anthropic").fill("not a key")
    page.get_by_test_id("save-key-anthropic").click()
    expect(page.get_by_test_id("toast")).to_contain_text("key")
    expect(page.get_by_test_id("key-hint-anthropic")).to_have_count(0)


def test_the_mode_toggles_in_settings_and_survives_reload_another_tab_and_another_device(windows: Windows):
    page = windows.open()
    email = walks.join(page)
    page.goto("/settings")
    expect(page.get_by_test_id("mode-own")).to_be_checked()
    expect(page.get_by_test_id("key-fields")).to_be_visible()
    expect(page.get_by_test_id("balance-pill")).to_have_count(0)

    page.get_by_test_id("mode-credits").check()
    expect(page.get_by_test_id("credits-note")).to_be_visible()
    expect(page.get_by_test_id("key-fields")).to_have_count(0)
    expect(page.get_by_test_id("balance-pill")).to_have_text("$0.00")
    page.reload()
    expect(page.get_by_test_id("mode-credits")).to_be_checked()

    tab = page.context.new_page()
    tab.goto("/settings")
    expect(tab.get_by_test_id("mode-credits")).to_be_checked()

    device = windows.open()
    walks.sign_in(device, email)
    expect(device.get_by_test_id("balance-pill")).to_have_text("$0.00")
    device.get_by_test_id("to-settings").click()
    expect(device.get_by_test_id("mode-credits")).to_be_checked()
    device.get_by_test_id("mode-own").check()
    expect(device.get_by_test_id("key-fields")).to_be_visible()

    page.reload()
    expect(page.get_by_test_id("mode-own")).to_be_checked()
    expect(page.get_by_test_id("balance-pill")).to_have_count(0)


def test_a_failed_key_is_told_in_the_thread_and_never_falls_over_to_credits(page: Page):
    walks.join(page, dollars=10)
    walks.ask(page, "PUT", "/api/preferences", {"apiKeyMode": "own"})
    page.goto("/settings")
    page.get_by_test_id("key-anthropic").fill("sk-ant-invalid-made-up-1234")
    page.get_by_test_id("save-key-anthropic").click()
    expect(page.get_by_test_id("key-hint-anthropic")).to_be_visible()
    page.get_by_test_id("new-chat").click()
    walks.send(page, "Hello")
    expect(page.get_by_test_id("reply-note")).to_contain_text("You were not charged.")
    expect(page.get_by_test_id("ask-again")).to_be_visible()
    assert walks.balance(page)["balanceUsd"] == "10.00"
