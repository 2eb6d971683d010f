"""An access key by hand: made with a limit, shown once, good for a program, and over when it is revoked."""

from playwright.sync_api import Page, expect

from tests.browser import walks
from tests.browser.website import Website


def test_an_access_key_is_made_shown_once_used_by_a_program_and_revoked(page: Page, site: Website):
    walks.join(page, mode="credits")
    page.goto("/settings")
    expect(page.get_by_test_id("no-access-keys")).to_contain_text(f"{site.url}/v1")
    page.get_by_test_id("new-access-key").click()
    page.get_by_test_id("access-key-name").fill("My notebook")
    page.get_by_test_id("access-key-day").fill("0")
    page.get_by_test_id("access-key-make").click()
    expect(page.get_by_test_id("access-key-trouble")).to_contain_text("between $0.01 and")
    page.get_by_test_id("access-key-day").fill("5")
    page.get_by_test_id("access-key-make").click()
    secret = page.get_by_test_id("access-key-secret").inner_text()
    expect(page.get_by_test_id("copy-secret")).to_have_text("Copy")
    page.get_by_test_id("access-key-close").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    # A dialog that closes is hidden at once; what stood in it goes with the server's next word.
    expect(page.get_by_test_id("access-key-secret")).to_have_count(0)
    assert secret not in page.content()

    program = site.client()
    headers = {"authorization": f"Bearer {secret}"}
    assert program.get("/api/credits/balance", headers=headers).json()["balanceUsd"] == "0.00"
    page.reload()
    expect(page.get_by_test_id("access-key")).to_contain_text(f"loom-sk-…{secret[-4:]}")
    expect(page.get_by_test_id("access-key")).to_contain_text("$0.00 of $5.00 today")
    assert secret not in page.content()

    page.get_by_test_id("revoke-access-key").click()
    page.get_by_test_id("access-key-close").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert program.get("/api/credits/balance", headers=headers).status_code == 200
    page.get_by_test_id("revoke-access-key").click()
    page.get_by_test_id("revoke-confirm").click()
    expect(page.get_by_test_id("no-access-keys")).to_be_visible()
    assert program.get("/api/credits/balance", headers=headers).status_code == 401
