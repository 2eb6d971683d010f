"""Small words about money at the right moment: which model, what is dear, how far a pack goes, what will soon end."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser import walks
from tests.browser.website import Website
from tests.browser.windows import DESK, PHONE, Windows

pytestmark = pytest.mark.browser

DEAR, CHEAP = "claude-opus-5-5", "claude-haiku-5-5"
SHORT = "What is a river?"
LONG = "Tell me all about rivers. " * 300


def pick(page: Page, model: str) -> None:
    page.get_by_test_id("model-picker").click()
    page.locator(f"[data-model='{model}']").click()
    expect(page.locator(f"[data-model='{model}']")).to_have_attribute("aria-pressed", "true")


def choices(page: Page) -> Locator:
    return page.get_by_test_id("model-choice")


def test_a_model_is_found_by_words_and_a_favourite_stands_first_on_every_device(page: Page, windows: Windows):
    email = walks.join(page, mode="credits", dollars=10)
    page.goto("/")
    page.get_by_test_id("model-picker").click()
    expect(page.get_by_test_id("model-search")).to_be_focused()
    expect(choices(page).first).to_contain_text("Everyday work")
    expect(choices(page).first).to_contain_text("A page costs about a cent")
    expect(choices(page).first).to_contain_text("reads 1,500 pages")
    expect(page.locator("[data-model='gpt-6-astra']")).not_to_be_visible()

    page.locator(f"[data-likes='{CHEAP}']").click()
    expect(page.get_by_text("Your favourites")).to_be_visible()
    expect(choices(page).first).to_have_attribute("data-model", CHEAP)

    page.keyboard.press("Tab")
    page.get_by_test_id("model-search").fill("hardest openai")
    expect(choices(page)).to_have_count(1)
    page.get_by_test_id("model-search").press("Enter")
    expect(page.get_by_test_id("model-picker")).to_contain_text("GPT-6 Astra")
    expect(page.get_by_test_id("model-search")).not_to_be_visible()

    page.get_by_test_id("model-picker").click()
    page.get_by_test_id("model-search").fill("nothing like this")
    expect(page.get_by_text("No model has these words.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("model-search")).to_have_value("")
    page.keyboard.press("ArrowDown")
    expect(choices(page).first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("model-search")).not_to_be_visible()

    other = windows.open(**PHONE)
    walks.sign_in(other, email)
    other.get_by_test_id("model-picker").tap()
    expect(choices(other).first).to_have_attribute("data-model", CHEAP)
    other.locator(f"[data-likes='{CHEAP}']").tap()
    expect(other.get_by_text("Your favourites")).to_have_count(0)


def test_a_cheaper_model_is_one_click_away_and_silent_for_good_once_it_is_put_away(page: Page):
    walks.join(page, mode="credits", dollars=10)
    page.goto("/")
    pick(page, DEAR)
    page.get_by_test_id("composer").fill(SHORT)
    expect(page.get_by_test_id("take-cheaper")).to_have_text(re.compile(r"^About \d+ × cheaper with Claude Haiku 5.5$"))
    page.get_by_test_id("take-cheaper").click()
    expect(page.get_by_test_id("model-picker")).to_contain_text("Claude Haiku 5.5")
    expect(page.get_by_test_id("cheaper")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_test_id("model-picker")).to_contain_text("Claude Opus 5.5")
    expect(page.get_by_test_id("composer")).to_have_value(SHORT)
    page.get_by_test_id("never-cheaper").click()
    expect(page.get_by_test_id("cheaper")).to_have_count(0)

    page.reload()
    expect(page.get_by_test_id("composer")).to_have_value(SHORT)
    page.get_by_test_id("composer").fill(f"{SHORT} And a lake?")
    expect(page.get_by_test_id("estimate")).to_have_text(re.compile("¢$"))
    expect(page.get_by_test_id("cheaper")).to_have_count(0)
    page.get_by_test_id("model-picker").click()
    page.get_by_test_id("tell-cheaper").click()
    expect(page.get_by_test_id("tell-cheaper")).to_be_checked()
    page.keyboard.press("Escape")
    page.get_by_test_id("composer").fill(SHORT)
    expect(page.get_by_test_id("cheaper")).to_be_visible()


def test_a_price_stands_out_only_above_what_is_usual_for_this_person(page: Page, site: Website):
    email = walks.join(page, mode="credits", dollars=10)
    page.goto("/")
    pick(page, DEAR)
    page.get_by_test_id("composer").fill(LONG)
    price = page.get_by_test_id("estimate")
    expect(price).to_have_text(re.compile("¢$"))
    expect(price).to_have_class("estimate calm")
    site.spend(email, cents=1, times=5)
    page.get_by_test_id("composer").fill(f"{LONG} Please.")
    expect(price).to_have_text(re.compile(r"^About .* ¢, usually 1 ¢$"))
    expect(price).to_have_class("estimate dear")
    page.get_by_test_id("composer").fill(SHORT)
    expect(price).to_have_class("estimate calm")


def test_the_most_that_a_reply_can_cost_is_one_press_from_what_it_usually_does_and_is_what_is_held(page: Page):
    walks.join(page, mode="credits", dollars=10)
    page.goto("/")
    page.get_by_test_id("composer").fill("Compare tea and coffee")
    price = page.get_by_test_id("estimate")
    expect(price).to_have_text(re.compile(r"^About [\d.]+–[\d.]+ ¢$"))
    low, high = (float(one) for one in re.findall(r"[\d.]+", price.inner_text()))
    assert high <= 4 * low
    price.press("Enter")
    terms = page.get_by_test_id("estimate-terms")
    expect(terms).to_contain_text(re.compile(r"^Usually [\d.]+–[\d.]+ ¢, going by typical replies\."))
    [most] = re.findall(r"At most (\$[\d.]+\d)\.", terms.inner_text())
    page.keyboard.press("Escape")
    expect(terms).not_to_be_visible()
    page.get_by_test_id("send").click()
    walks.await_end(page)
    assert walks.read_receipt(page)["Held at most"] == most


@pytest.mark.parametrize("device", [DESK, PHONE], ids=["1280", "390"])
def test_nothing_moves_when_a_cheaper_model_is_pointed_out(windows: Windows, device: dict):
    page = windows.open(**device)
    walks.join(page, mode="credits", dollars=10)
    page.goto("/")
    expect(page.get_by_test_id("estimate")).to_contain_text("a page")
    before = page.locator(".composer").bounding_box()
    page.get_by_test_id("composer").fill(SHORT)
    expect(page.get_by_test_id("cheaper")).to_be_visible()
    assert page.locator(".composer").bounding_box() == before


def test_a_pack_says_how_far_it_goes_for_this_person(page: Page, site: Website):
    email = walks.join(page, mode="credits", dollars=10)
    page.goto("/credits")
    expect(page.get_by_test_id("reach-25").first).to_have_text("roughly 3,000 pages from Claude Sonnet 5.5")
    site.spend(email, cents=1, times=5)
    page.reload()
    expect(page.get_by_test_id("reach-25").first).to_have_text("roughly 2,700 questions as you ask them")
    page.get_by_test_id("custom-amount").fill("8")
    expect(page.get_by_test_id("custom-weighed")).to_contain_text("roughly 800 questions as you ask them")


def test_the_end_of_the_balance_is_told_before_it_comes_and_the_packs_open_in_place(page: Page, site: Website):
    email = walks.join(page, mode="credits", dollars=10)
    page.goto("/")
    expect(page.get_by_test_id("balance-pill")).to_have_text("$10.00")
    expect(page.get_by_test_id("estimate")).to_contain_text("a page")
    ahead = page.get_by_test_id("ahead")
    expect(ahead).to_have_count(0)
    site.spend(email, cents=150, times=6)
    page.reload()
    expect(ahead).to_contain_text("Your balance of $1.00 may not cover your next question in full.")
    page.get_by_test_id("composer").fill("Half a thought, and the other half")
    page.get_by_test_id("composer").evaluate("field => field.setSelectionRange(7, 7)")
    page.get_by_test_id("ahead-buy").click()
    expect(page.get_by_test_id("wall-packs")).to_be_in_viewport()
    page.get_by_test_id("wall-packs").get_by_test_id("buy-25").click()
    walks.choose_on_payment_page(page, "paid")
    expect(page.get_by_test_id("purchase-banner")).to_contain_text("Purchase complete")
    expect(ahead).to_have_count(0)
    expect(page.get_by_test_id("wall-packs")).to_have_count(0)
    page.keyboard.type("whole ")
    expect(page.get_by_test_id("composer")).to_have_value("Half a whole thought, and the other half")


def test_a_cap_that_is_nearly_reached_is_told_with_the_way_to_change_it_and_can_be_put_away(page: Page, site: Website):
    email = walks.join(page, mode="credits", dollars=10)
    walks.ask(page, "PUT", "/api/caps", {"day": 1})
    site.spend(email, cents=85)
    page.goto("/")
    ahead = page.get_by_test_id("ahead")
    expect(ahead).to_contain_text("$0.15 is left of your daily cap of $1.00. It starts anew on")
    page.get_by_test_id("put-away-ahead").click()
    expect(ahead).to_have_count(0)
    walks.send(page, "Hello")
    walks.await_end(page)
    expect(ahead).to_have_count(0)


def test_who_buys_in_a_conversation_comes_back_to_it_and_to_the_caret(page: Page):
    walks.join(page, mode="credits", dollars=10)
    page.goto("/")
    walks.send(page, "Hello")
    walks.await_end(page)
    page.wait_for_url(re.compile("/c/"))
    here = page.url
    page.get_by_test_id("composer").fill("One three")
    page.get_by_test_id("composer").evaluate("field => field.setSelectionRange(4, 4)")
    buy_in_the_panel(page)
    expect(page).to_have_url(here)
    expect(page.get_by_test_id("reply-cost")).to_be_visible()
    expect(page.get_by_test_id("composer")).to_have_value("One three")
    # The page may be drawn more than once on the way back, as it is when another chat is looked at first.
    page.get_by_test_id("new-chat").click()
    expect(page.get_by_test_id("composer")).to_have_value("")
    page.go_back()
    expect(page).to_have_url(here)
    expect(page.get_by_test_id("composer")).to_have_value("One three")
    expect(page.get_by_test_id("composer")).to_be_focused()
    page.keyboard.type("two ")
    expect(page.get_by_test_id("composer")).to_have_value("One two three")
    page.get_by_test_id("send").click()
    walks.await_end(page, replies=2)


def test_who_buys_on_any_other_page_comes_back_to_it(page: Page):
    walks.join(page, mode="credits", dollars=10)
    page.goto("/agent")
    page.get_by_test_id("task").fill("Tidy titles")
    page.get_by_test_id("task").evaluate("field => field.setSelectionRange(5, 5)")
    buy_in_the_panel(page)
    expect(page).to_have_url(re.compile("/agent$"))
    expect(page.get_by_test_id("task")).to_have_value("Tidy titles")
    page.keyboard.type("my ")
    expect(page.get_by_test_id("task")).to_have_value("Tidy my titles")

    page.goto("/activity?range=last_month")
    buy_in_the_panel(page, outcome="cancel")
    expect(page).to_have_url(re.compile(r"/activity\?range=last_month$"))
    expect(page.get_by_test_id("purchase-banner")).to_contain_text("Purchase cancelled")


def buy_in_the_panel(page: Page, outcome: str = "paid") -> None:
    # Remembered as open it is so before anything stands in it.
    if page.locator("html").get_attribute("data-usage") != "open":
        page.get_by_test_id("toggle-usage").click()
    page.get_by_test_id("buy-more-credits").click()
    page.get_by_test_id("buy-selected").click()
    walks.choose_on_payment_page(page, outcome)
    words = {"paid": "Purchase complete", "cancel": "Purchase cancelled"}[outcome]
    expect(page.get_by_test_id("purchase-banner")).to_contain_text(words)


def test_on_a_phone_a_chat_has_room_for_its_name_and_nothing_is_wider_than_the_screen(windows: Windows):
    page = windows.open(**PHONE)
    walks.join(page, mode="credits", dollars=10)
    page.goto("/")
    pick(page, DEAR)
    page.get_by_test_id("composer").fill("Which rivers cross Europe?")
    expect(page.get_by_test_id("cheaper")).to_be_visible()
    for line in (page.locator(".composer-row"), page.locator(".under-composer")):
        assert line.evaluate("one => one.scrollWidth <= one.clientWidth")
        parts = line.locator(":scope > *:visible").all()
        boxes = [box for part in parts if (box := part.bounding_box()) and box["height"] > 1]
        middles = [box["y"] + box["height"] / 2 for box in boxes]
        assert max(middles) - min(middles) < 3, "one line"
        assert all(box["height"] <= 40 for box in boxes), "nothing breaks"
    name = page.get_by_test_id("model-picker").locator(".ellipsis")
    assert name.evaluate("one => one.scrollWidth <= one.clientWidth"), "the name of the model is cut off"
    page.get_by_test_id("estimate").tap()
    expect(page.get_by_test_id("estimate-terms")).to_be_in_viewport(ratio=0.99)
    expect(page.get_by_test_id("estimate-terms")).to_contain_text(re.compile(r"At most \$0\.\d+\."))
    page.get_by_test_id("estimate").tap()
    expect(page.get_by_test_id("estimate-terms")).not_to_be_visible()
    page.get_by_test_id("send").tap()
    walks.await_end(page)
    title = page.get_by_role("heading", level=1)
    expect(title).to_have_text(re.compile("rivers", re.IGNORECASE))
    assert title.evaluate("one => one.scrollWidth <= one.clientWidth"), "the name of the chat is cut off"
    page.get_by_test_id("model-picker").tap()
    expect(page.get_by_test_id("model-search")).to_be_visible()
    box = page.locator(".picker-list:visible").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390, "the list of models leaves the screen"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@contextmanager
def scripts_held(page: Page) -> Iterator[None]:
    """Until the end of the block the page has what is drawn and none of its scripts, as on a slow line or machine."""
    held: list[Route] | None = []

    def hold(route: Route) -> None:
        if held is None:
            route.continue_()
        else:
            held.append(route)

    page.route(re.compile(r"/assets/.*\.js"), hold)
    yield
    waiting, held = held, None
    for route in waiting:
        route.continue_()


def test_what_is_pressed_before_the_page_has_come_alive_is_done_once_it_has(page: Page):
    walks.join(page, mode="credits", dollars=10)
    with scripts_held(page):
        page.goto("/credits", wait_until="commit")
        page.get_by_test_id("open-palette").click()
    expect(page.get_by_role("combobox")).to_be_visible(timeout=30_000)


def test_a_form_that_is_sent_before_the_page_has_come_alive_never_shows_what_was_typed_in_the_address(page: Page):
    email = walks.new_email()
    walks.ask(page, "POST", "/api/auth/sign-up", {"email": email, "password": walks.PASSWORD})
    page.context.clear_cookies()
    with scripts_held(page):
        page.goto("/sign-in", wait_until="commit")
        page.get_by_test_id("email").fill(email)
        page.get_by_test_id("password").fill(walks.PASSWORD)
        page.get_by_test_id("password").press("Enter")
    expect(page.get_by_test_id("account-email")).to_have_text(email, timeout=30_000)
    assert "correct" not in page.url
