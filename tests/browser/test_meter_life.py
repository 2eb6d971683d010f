"""The meter under fire, as a person sees it: a server that dies in mid reply, and a balance for a short reply only."""

import re
from decimal import Decimal

from playwright.sync_api import Page, expect

from tests.browser import walks
from tests.browser.website import Website
from tests.browser.windows import Windows


def test_a_reply_whose_server_died_while_nobody_watched_is_there_as_far_as_it_came_with_its_receipt(
    windows: Windows, site: Website
):
    page = windows.open()
    walks.join(page, mode="credits", dollars=10)
    page.goto("/")
    walks.send(page, walks.LONG)
    # Some seconds of text, so that there are checkpoints.
    seen = walks.await_length(page, 1_500)
    address, device = page.url, page.context
    page.close()
    site.kill()
    site.let_leases_run_out()
    site.start()

    page = device.new_page()
    page.goto(address)
    note = page.get_by_test_id("reply-note")
    expect(note).to_have_text(re.compile(r"^Cut off before the end\. You pay only for what arrived: [\d.]+ ¢\.$"))
    walks.await_end(page)
    after = walks.reply(page).inner_text()
    assert len(after) > 200
    assert after[:200] == seen[:200]
    receipt = walks.read_receipt(page)
    taken, held = walks.dollars(receipt["Taken from your balance"]), walks.dollars(receipt["Held at most"])
    assert 0 < taken < held
    found = walks.balance(page)
    assert (Decimal(found["balanceUsd"]), found["held"]) == (10 - taken, 0)
    page.reload()
    expect(walks.reply(page)).to_contain_text(after[:100].split("\n")[0])
    expect(note).to_have_text(re.compile(r"^Cut off before the end\. You pay only for what arrived: [\d.]+ ¢\.$"))


def test_twelve_cents_and_a_dear_model_promise_a_short_reply_and_bring_one_and_leave_a_balance_above_zero(
    page: Page, site: Website
):
    email = walks.join(page, mode="credits")
    site.grant(email, cents=12)
    page.goto("/")
    page.get_by_test_id("model-picker").click()
    page.get_by_test_id("more-models").click()
    page.locator("[data-model='gpt-6-astra']").click()
    page.keyboard.press("Escape")
    page.get_by_test_id("composer").fill("Write an essay of 4000 words about rivers")
    promise = page.get_by_test_id("estimate")
    expect(promise).to_have_text(re.compile(r"^Your balance covers a reply of about [\d,]+ words\.$"))
    words = int(promise.inner_text().split("about ")[1].split(" ")[0].replace(",", ""))
    page.get_by_test_id("send").click()
    expect(page.get_by_test_id("stop")).to_be_visible()
    assert walks.balance(page)["available"] >= 0
    walks.await_end(page)
    expect(page.get_by_test_id("reply-note")).to_have_text("Kept to the length that your balance and caps covered.")
    assert 0.5 * words < len(walks.reply(page).inner_text().split()) < 1.5 * words < 4_000
    receipt = walks.read_receipt(page)
    taken = walks.dollars(receipt["Taken from your balance"])
    left = Decimal(walks.balance(page)["balanceUsd"])
    assert 0 < taken <= Decimal("0.12")
    assert left == Decimal("0.12") - taken >= 0
