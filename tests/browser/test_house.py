"""The house: the palette, the guide, one's own keys, one's data, and every page for those who hear it."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import walks
from tests.browser.axe import violations
from tests.browser.windows import DESK, PHONE, Windows

KEY = "sk-ant-api03-made-up-for-this-test-wxyz"


def selected(page: Page, words: str) -> None:
    expect(page.locator("[data-testid=palette-item][aria-selected=true]")).to_contain_text(words)


def test_the_palette_leads_from_a_new_chat_to_settings_and_back_by_keyboard_alone_and_the_keys_do_what_they_say(
    page: Page,
):
    walks.join(page)
    page.goto("/")
    composer = page.get_by_test_id("composer")
    expect(composer).to_be_focused()
    page.keyboard.type("A thought to keep")
    page.keyboard.press("Control+k")
    expect(page.get_by_test_id("palette-field")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("palette")).to_have_count(0)
    expect(composer).to_be_focused()

    page.keyboard.press("Control+k")
    page.keyboard.type("your data")
    selected(page, "Settings: your data")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/settings#data$"))
    expect(page.get_by_test_id("export-all")).to_be_in_viewport()
    page.get_by_test_id("contents").get_by_text("Payment").press("Enter")
    expect(page.get_by_test_id("mode-own")).to_be_in_viewport()

    page.keyboard.press("Control+k")
    page.keyboard.type("dark")
    selected(page, "Theme: dark")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.keyboard.press("?")
    expect(page.get_by_test_id("shortcuts")).to_contain_text("New chat")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("palette")).to_have_count(0)
    page.keyboard.press("Control+.")
    expect(page.get_by_test_id("usage-panel")).to_be_visible()
    page.keyboard.press("Control+Shift+O")
    expect(page).to_have_url(re.compile("/$"))
    expect(composer).to_have_value("A thought to keep")
    page.keyboard.press("Control+,")
    expect(page).to_have_url(re.compile("/settings$"))
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(17, 17, 19)"


def test_the_guide_leads_from_nothing_to_a_first_reply_and_comes_back_when_it_is_asked_for(page: Page):
    walks.join(page)
    page.goto("/")
    expect(page.get_by_test_id("guide-1")).to_have_attribute("aria-current", "step")
    page.get_by_test_id("begin-own").click()
    expect(page.get_by_test_id("guide-2")).to_have_attribute("aria-current", "step")
    page.get_by_test_id("guide-key").fill("sk-ant-invalid-made-up-1234")
    page.get_by_test_id("guide-save-key").click()
    expect(page.get_by_test_id("guide-trouble")).to_contain_text("Anthropic did not accept the API key.")
    page.get_by_test_id("guide-practise").click()
    expect(page.get_by_test_id("guide-3")).to_have_attribute("aria-current", "step")
    page.get_by_test_id("starter").first.click()
    page.get_by_test_id("send").click()
    walks.await_end(page)

    page.get_by_test_id("new-chat").click()
    expect(page.get_by_test_id("starter").first).to_be_visible()
    expect(page.get_by_test_id("guide")).to_have_count(0)
    page.keyboard.press("Control+k")
    page.keyboard.type("guide")  # before the palette can be there: no key is lost
    selected(page, "Show the guide again")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("guide")).to_be_visible()
    page.get_by_test_id("close-guide").click()
    expect(page.get_by_test_id("guide")).to_have_count(0)
    page.reload()
    expect(page.get_by_test_id("starter").first).to_be_visible()
    expect(page.get_by_test_id("guide")).to_have_count(0)


def test_an_own_key_is_tried_limited_replaced_used_and_deleted_and_one_that_fails_asks_first(page: Page):
    walks.join(page, dollars=10)
    walks.ask(page, "PUT", "/api/preferences", {"apiKeyMode": "own"})
    page.goto("/settings")
    page.get_by_test_id("key-anthropic").fill(KEY)
    page.get_by_test_id("save-key-anthropic").click()
    verdict = page.get_by_test_id("key-verdict-anthropic")
    expect(verdict).to_have_text("The key works.")
    page.get_by_test_id("key-limit-anthropic").fill("5")
    page.get_by_test_id("save-limit-anthropic").click()
    expect(page.get_by_test_id("key-spent-anthropic")).to_have_text("$0.00 of $5.00 this month at Anthropic")
    page.get_by_test_id("replace-key-anthropic").click()
    page.get_by_test_id("key-anthropic").fill("sk-ant-invalid-made-up-1234")
    page.get_by_test_id("save-key-anthropic").click()
    expect(verdict).to_contain_text("Anthropic did not accept the API key.")
    expect(page.get_by_test_id("key-hint-anthropic")).to_have_text("sk-ant-…1234")

    page.get_by_test_id("new-chat").click()
    walks.send(page, "Hello")
    wall = page.get_by_test_id("wall-key-failed")
    expect(wall).to_contain_text("Nothing was charged")
    expect(wall.get_by_test_id("use-credits")).to_be_visible()
    assert walks.balance(page)["balanceUsd"] == "10.00"
    wall.get_by_test_id("to-replace-key").click()
    page.get_by_test_id("delete-key-anthropic").click()
    page.get_by_test_id("delete-key-confirm").click()
    expect(page.get_by_test_id("key-anthropic")).to_have_value("")
    expect(page.get_by_test_id("delete-key-dialog")).to_have_count(0)


def test_what_is_taken_along_can_be_brought_in_again_and_everything_can_be_deleted(windows: Windows, tmp_path: Path):
    page = windows.open()
    email = walks.join(page, mode="credits", dollars=10)
    page.goto("/")
    walks.send(page, "Explain double entry in a table with code")
    walks.await_end(page)
    conversation_id = page.url.rpartition("/")[2]
    taken = page.request.get(f"/api/conversations/{conversation_id}/export?format=json")
    assert taken.ok
    file = tmp_path / "taken.json"
    file.write_bytes(taken.body())
    balance = walks.balance(page)["balanceUsd"]

    page.goto("/settings")
    page.get_by_test_id("import-file").set_input_files(file)
    expect(page.get_by_test_id("import-outcome")).to_have_text("1 conversation is in your list now.")
    expect(page.get_by_test_id("conversation")).to_have_count(2)
    page.get_by_test_id("conversation").first.click()
    expect(page.get_by_test_id("reply-text")).to_be_visible()
    new_id = page.url.rpartition("/")[2]
    assert new_id != conversation_id
    again = page.request.get(f"/api/conversations/{new_id}/export?format=json").json()
    said = [[(one["role"], one["text"]) for one in found["messages"]] for found in (taken.json(), again)]
    assert said[0] == said[1]
    assert walks.balance(page)["balanceUsd"] == balance

    page.goto("/settings")
    with page.expect_download() as download:
        page.get_by_test_id("export-all").click()
    assert download.value.path().read_bytes()[:2] == b"PK"
    page.get_by_test_id("delete-all").click()
    dialog = page.get_by_test_id("delete-dialog")
    expect(dialog).to_contain_text("of credit")
    dialog.get_by_test_id("delete-email").fill(email)
    dialog.get_by_test_id("delete-confirm").click()
    expect(page.get_by_test_id("delete-trouble")).to_contain_text("of credit")
    dialog.get_by_test_id("give-up-credit").check()
    windows.expect_complaint("status of 401")
    dialog.get_by_test_id("delete-confirm").click()
    expect(page.get_by_test_id("sign-in-form")).to_be_visible()
    assert json.loads(page.evaluate("JSON.stringify({...localStorage})")).keys() <= {"loom:person-changed", "theme"}
    page.goto("/settings")
    expect(page.get_by_test_id("sign-in-form")).to_be_visible()


def test_a_password_is_changed_with_the_old_one_and_other_places_are_signed_out(windows: Windows):
    page = windows.open()
    email = walks.join(page)
    other = windows.open()
    walks.sign_in(other, email)
    page.goto("/settings")
    expect(page.get_by_test_id("session")).to_have_count(2)
    page.get_by_test_id("change-password").click()
    page.get_by_test_id("password-old").fill("not the old one")
    page.get_by_test_id("password-new").fill("another battery staple")
    page.get_by_test_id("keep-password").click()
    expect(page.get_by_test_id("password-trouble")).to_contain_text("not right")
    page.get_by_test_id("password-old").fill(walks.PASSWORD)
    page.get_by_test_id("keep-password").click()
    expect(page.get_by_test_id("session")).to_have_count(1)
    expect(page.get_by_test_id("keep-password")).to_have_count(0)
    page.wait_for_timeout(1_100)  # a session may be told from memory for a second
    windows.expect_complaint("status of 401")
    other.goto("/settings")
    expect(other.get_by_test_id("sign-in-form")).to_be_visible()


@pytest.mark.parametrize("device", [DESK, PHONE], ids=["1280", "390"])
def test_no_page_has_anything_wrong_for_those_who_hear_it_or_tab_through_it(windows: Windows, device: dict):
    page = windows.open(**device, reduced_motion="reduce")
    windows.expect_complaint("status of 404")
    found: list[str] = []

    def look(name: str) -> None:
        for scheme in ("dark", "light"):
            page.emulate_media(color_scheme=scheme)
            found.extend(f"{name}, {scheme}: {one}" for one in violations(page))

    page.goto("/sign-in")
    expect(page.get_by_test_id("sign-in-form")).to_be_visible()
    look("sign-in")
    walks.join(page, mode="credits", dollars=10)
    page.goto("/")
    expect(page.get_by_test_id("guide-3")).to_have_attribute("aria-current", "step")
    look("guide")
    walks.send(page, "Explain double entry in a table with code")
    walks.await_end(page)
    look("chat")
    page.get_by_test_id("composer").fill("Hello")
    expect(page.get_by_test_id("cheaper")).to_be_visible()
    page.get_by_test_id("estimate").click()
    expect(page.get_by_test_id("estimate-terms")).to_be_visible()
    look("price")
    page.keyboard.press("Escape")
    page.get_by_test_id("reply-cost").click()
    expect(page.get_by_test_id("receipt")).to_be_visible()
    look("receipt")
    page.keyboard.press("Escape")
    page.get_by_test_id("open-palette").click()
    expect(page.get_by_test_id("palette-item").first).to_be_visible()
    look("palette")
    page.keyboard.press("Escape")
    page.get_by_test_id("toggle-usage").click()
    expect(page.get_by_test_id("usage-total")).to_be_visible()
    look("usage")
    for path, there in (
        ("/settings", "session"),
        ("/credits", "purchase"),
        ("/statement", "statement-row"),
        ("/pricing", "to-chat"),
        ("/no-such-page", "to-home"),
    ):
        page.goto(path)
        expect(page.get_by_test_id(there).first).to_be_visible()
        look(path)
    walks.ask(page, "PUT", "/api/preferences", {"apiKeyMode": "own"})
    page.goto("/settings")
    expect(page.get_by_test_id("key-openai")).to_be_visible()
    look("own keys")
    page.goto("/")
    expect(page.get_by_test_id("guide-1")).to_have_attribute("aria-current", "step")
    look("first step")
    page.get_by_test_id("close-guide").click()
    expect(page.get_by_test_id("starter").first).to_be_visible()
    look("empty chat")
    assert not found, "\n".join(found)
