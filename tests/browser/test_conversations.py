"""The list of conversations: endless, kept in order, searched through all that was said, the same in every tab."""

import re

from playwright.sync_api import Locator, Page, expect

from projectloom import limits
from tests.browser import walks
from tests.browser.website import Website
from tests.browser.windows import PHONE, Windows

LONG = [f"Line {number} of a long talk. " * 12 for number in range(24)]


def lines(page: Page) -> Locator:
    return page.get_by_test_id("conversation")


def line(page: Page, title: str) -> Locator:
    return page.locator(f'[data-testid=conversation][title="{title}"]')


def choose(page: Page, title: str, choice: str) -> None:
    line(page, title).hover()
    page.get_by_role("button", name=f"More: {title}", exact=True).click()
    page.get_by_test_id(choice).click()


def test_the_list_has_no_end_and_pins_archive_and_trash_keep_it_in_order(page: Page, site: Website):
    email = walks.join(page)
    count = 2 * limits.CONVERSATIONS_PAGE + 5
    site.talk(email, {f"Talk {number}": ["Hello"] for number in range(count)})
    page.goto("/")
    expect(lines(page).first).to_have_text(f"Talk {count - 1}")
    expect(lines(page)).to_have_count(limits.CONVERSATIONS_PAGE)
    while lines(page).count() < count:
        known = lines(page).count()
        lines(page).last.scroll_into_view_if_needed()
        expect(lines(page)).not_to_have_count(known)
    expect(lines(page)).to_have_count(count)

    choose(page, "Talk 0", "pin")
    pinned = page.get_by_role("list", name="Pinned").get_by_test_id("conversation")
    expect(pinned).to_have_text("Talk 0")
    expect(lines(page)).to_have_count(count)

    choose(page, "Talk 3", "archive")
    expect(line(page, "Talk 3")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(line(page, "Talk 3")).to_have_count(1)
    choose(page, "Talk 2", "archive")
    choose(page, "Talk 1", "delete")
    expect(lines(page)).to_have_count(count - 2)

    page.reload()
    expect(pinned).to_have_text("Talk 0")
    page.get_by_test_id("to-archive").click()
    expect(lines(page)).to_have_text(["Talk 2"])
    page.get_by_test_id("bring-back").click()
    expect(lines(page)).to_have_count(0)
    page.get_by_test_id("to-trash").click()
    expect(page.get_by_text("deleted for good after 30 days")).to_be_visible()
    line(page, "Talk 1").click()
    expect(page.get_by_test_id("in-trash")).to_be_visible()
    expect(page.get_by_test_id("composer")).to_have_count(0)
    page.get_by_test_id("restore").click()
    expect(page.get_by_test_id("question-text")).to_have_text(re.compile("Hello"))
    expect(page.get_by_test_id("composer")).to_be_visible()
    expect(lines(page)).to_have_count(0)


def test_a_search_through_all_that_was_said_opens_the_conversation_at_the_words(page: Page, site: Website):
    email = walks.join(page)
    said = [*LONG[:6], "The ferry leaves the harbour at noon.", *LONG[6:]]
    site.talk(
        email, {"A trip": said} | {f"Talk {number}": ["Hello"] for number in range(limits.CONVERSATIONS_PAGE + 5)}
    )
    page.goto("/")
    expect(lines(page)).to_have_count(limits.CONVERSATIONS_PAGE)
    field = page.get_by_test_id("list-search")
    field.fill("harb ferr")
    hit = page.get_by_test_id("found")
    expect(hit).to_contain_text("A trip")
    expect(hit.locator("mark")).to_have_text(["ferr", "harb"])
    hit.click()
    words = page.locator("[data-message]").filter(has_text="The ferry leaves the harbour at noon.")
    expect(words).to_be_in_viewport()
    expect(page.locator(".found-message")).to_contain_text("ferry")
    assert page.evaluate("CSS.highlights.get('found-words')?.size") == 2
    expect(hit).to_have_attribute("aria-current", "page")

    # A reload of that address leads there too, and what has no hit says how to find more.
    page.reload()
    expect(words).to_be_in_viewport()
    field.fill("zebra")
    expect(page.get_by_test_id("nothing-found")).to_contain_text("beginnings of words")
    page.get_by_role("button", name="Clear the search").click()
    expect(lines(page)).to_have_count(limits.CONVERSATIONS_PAGE)


def test_a_search_without_accents_marks_the_words_that_have_them_and_the_reverse(page: Page, site: Website):
    email = walks.join(page)
    site.talk(email, {"Le café": ["On se voit au Café de la Gare (près du cafetier)."], "Plain": ["A cafe there"]})
    page.goto("/")
    field, hits = page.get_by_test_id("list-search"), page.get_by_test_id("found")
    for words in ("cafe", "CAFÉ", "cafe\u0301"):
        field.fill(words)
        expect(hits).to_have_count(2)
        expect(hits.filter(has_text="Gare").locator("mark")).to_have_text(["café", "Café", "cafe"])
        expect(hits.filter(has_text="Plain").locator("mark")).to_have_text(["cafe"])
    hits.filter(has_text="Gare").click()
    expect(page.locator(".found-message")).to_contain_text("Gare")
    assert page.evaluate("CSS.highlights.get('found-words')?.size") == 2


def test_the_whole_list_works_by_keyboard(page: Page, site: Website):
    email = walks.join(page)
    site.talk(email, {"Rivers": ["They flow"], "Mountains": ["They stand"], "Seas": ["They flow too"]})
    page.goto("/")
    expect(lines(page)).to_have_count(3)
    page.keyboard.press("Control+Shift+F")
    field = page.get_by_test_id("list-search")
    expect(field).to_be_focused()
    page.keyboard.type("flow")
    hits = page.get_by_test_id("found")
    expect(hits).to_have_count(2)
    page.keyboard.press("ArrowDown")
    expect(hits.first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(hits.last).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Rivers")
    page.keyboard.press("Control+Shift+F")
    page.keyboard.press("Escape")
    expect(field).to_have_value("")
    page.keyboard.press("ArrowDown")
    expect(line(page, "Seas")).to_be_focused()
    page.keyboard.press("End")
    expect(line(page, "Rivers")).to_be_focused()

    page.keyboard.press("F2")
    expect(page.get_by_test_id("rename-field")).to_be_focused()
    page.keyboard.type("Streams")
    page.keyboard.press("Enter")
    expect(line(page, "Streams")).to_be_focused()
    expect(page.locator("h1")).to_have_text("Streams")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("rename")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_test_id("pin")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="More: Streams")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowUp")
    expect(page.get_by_test_id("delete")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowUp")
    expect(line(page, "Mountains")).to_be_focused()
    page.keyboard.press("Delete")
    expect(lines(page)).to_have_text(["Seas", "Streams"])
    expect(line(page, "Streams")).to_be_focused()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowUp")
    expect(field).to_be_focused()


def test_what_changes_in_one_tab_shows_in_the_others_without_a_reload(page: Page, site: Website):
    email = walks.join(page, mode="credits", dollars=10)
    site.talk(email, {"Rivers": ["They flow"], "Mountains": ["They stand"]})
    page.goto("/")
    tab = page.context.new_page()
    tab.goto("/")
    line(tab, "Rivers").click()
    expect(tab.get_by_test_id("question-text")).to_have_text(re.compile("They flow"))
    page.bring_to_front()
    choose(page, "Rivers", "rename")
    page.get_by_test_id("rename-field").fill("Streams")
    page.keyboard.press("Enter")
    expect(lines(tab)).to_have_text(["Mountains", "Streams"])
    expect(tab.locator("h1")).to_have_text("Streams")
    walks.send(page, "Describe a lighthouse")
    expect(lines(tab)).to_have_count(3)
    expect(lines(tab).first).to_contain_text("lighthouse")
    walks.await_end(page)

    # A message that was begun is marked where one left it.
    page.get_by_test_id("composer").fill("And one more")
    line(page, "Mountains").click()
    expect(page.locator("h1")).to_have_text("Mountains")
    expect(page.get_by_test_id("draft-mark")).to_have_count(1)
    expect(lines(page).first).to_contain_text("Draft")


def test_on_a_phone_the_list_is_searched_and_kept_in_order_by_touch(windows: Windows, site: Website):
    page = windows.open(**PHONE)
    email = walks.join(page)
    site.talk(email, {"Rivers": ["They flow"], "Mountains": [*LONG[:6], "They stand still", *LONG[6:]]})
    page.goto("/")
    page.get_by_role("button", name="Open the menu").tap()
    page.get_by_role("button", name="More: Rivers").tap()
    page.get_by_test_id("pin").tap()
    expect(page.get_by_role("list", name="Pinned").get_by_test_id("conversation")).to_have_text("Rivers")
    page.get_by_test_id("list-search").tap()
    page.keyboard.type("still")
    page.get_by_test_id("found").tap()
    expect(page.get_by_test_id("list-search")).not_to_be_in_viewport()
    expect(page.locator("[data-message]").filter(has_text="They stand still")).to_be_in_viewport()
