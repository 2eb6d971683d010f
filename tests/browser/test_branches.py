"""Branches, and the thread under strain: other versions, other models, the map, a cut network, a long chat."""

import json
import re

from playwright.sync_api import Page, expect

from tests.browser import walks
from tests.browser.website import Website
from tests.browser.windows import Windows


def begin(page: Page, *questions: str) -> None:
    """A person with credit who has asked this and was answered."""
    walks.join(page, mode="credits", dollars=10)
    page.goto("/")
    for number, question in enumerate(questions, 1):
        walks.send(page, question)
        walks.await_end(page, replies=number)


def test_an_edited_question_is_a_second_version_and_the_chosen_one_is_still_there_after_a_reload(page: Page):
    begin(page, "Hello", "Name a river")
    page.get_by_test_id("question-text").nth(1).hover()
    page.get_by_test_id("edit-question").nth(1).click()
    page.get_by_test_id("edit-field").fill("Name a mountain")
    expect(page.get_by_test_id("edit-price")).to_contain_text("¢")
    page.get_by_test_id("edit-field").press("Enter")
    expect(page.get_by_test_id("version")).to_contain_text("2/2")
    walks.await_end(page, replies=2)
    questions = page.get_by_test_id("question-text")
    expect(questions).to_have_text([re.compile("Hello"), re.compile("Name a mountain")])

    page.get_by_test_id("version-before").click()
    expect(questions).to_have_text([re.compile("Hello"), re.compile("Name a river")])
    expect(page.get_by_test_id("version")).to_contain_text("1/2")
    page.reload()
    expect(questions).to_have_text([re.compile("Hello"), re.compile("Name a river")])
    expect(page.get_by_test_id("version-before")).to_be_disabled()
    spent = walks.dollars(page.get_by_test_id("chat-total").locator(".num").inner_text())
    assert spent > 0, "what the chat cost, all branches together, stands there without a click"


def test_another_model_answers_again_in_two_clicks_with_its_price_said_before(page: Page):
    begin(page, "Hello")
    first = page.get_by_test_id("reply-model").inner_text()
    page.get_by_test_id("retry").click()
    choices = page.get_by_test_id("retry-choice")
    expect(choices.first).to_contain_text(f"Again with {first}")
    for choice in choices.all():
        expect(choice).to_contain_text("About")
    other = page.locator("[data-answers='claude-haiku-5-5']")
    other.click()
    expect(page.get_by_test_id("version")).to_contain_text("2/2")
    walks.await_end(page)
    expect(page.get_by_test_id("question-text")).to_have_count(1)
    expect(page.get_by_test_id("reply-model")).to_contain_text("Haiku")
    page.get_by_test_id("version-before").click()
    expect(page.get_by_test_id("reply-model")).to_have_text(first)


def test_the_map_shows_all_branches_and_travels_by_keyboard_and_a_branch_begins_in_the_middle(page: Page):
    begin(page, "Hello", "Name a river")
    page.get_by_test_id("branch").first.click()
    page.get_by_test_id("go-on-from").first.click()
    expect(page.get_by_test_id("branching")).to_be_visible()
    expect(page.get_by_test_id("question-text")).to_have_count(1)
    walks.send(page, "Name a lake")
    walks.await_end(page, replies=2)
    expect(page.get_by_test_id("branching")).to_have_count(0)
    expect(page.get_by_test_id("question-text").nth(1)).to_contain_text("Name a lake")

    page.get_by_test_id("open-map").click()
    stretches = page.get_by_test_id("map-stretch")
    expect(stretches).to_have_text([re.compile("Hello"), re.compile("Name a river"), re.compile("Name a lake")])
    stretches.first.focus()
    page.keyboard.press("ArrowDown")
    expect(stretches.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("map")).to_have_count(0)
    expect(page.get_by_test_id("question-text").nth(1)).to_contain_text("Name a river")

    page.get_by_test_id("branch").first.click()
    page.get_by_test_id("into-new-chat").first.click()
    expect(page.get_by_test_id("conversation")).to_have_count(2)
    expect(page.get_by_test_id("question-text")).to_have_text([re.compile("Hello")])


def test_the_map_tells_replies_to_one_question_apart_by_model_cost_and_how_they_ended(page: Page):
    begin(page, walks.LONG)
    first, cost = page.get_by_test_id("reply-model").inner_text(), page.get_by_test_id("reply-cost").inner_text()
    page.get_by_test_id("retry").click()
    page.locator("[data-answers='claude-haiku-5-5']").click()
    walks.await_length(page, 400)
    page.get_by_test_id("stop").click()
    expect(page.get_by_test_id("reply-note")).to_contain_text("Stopped.")
    page.get_by_test_id("open-map").click()
    stretches = page.get_by_test_id("map-stretch")
    expect(stretches).to_have_count(3)
    question, whole, stopped = stretches.all()
    expect(question).to_contain_text("You asked")
    expect(whole).to_contain_text(f"{first.removeprefix('Claude ')} · {cost}")
    expect(stopped).to_contain_text(re.compile(r"Haiku 5\.5 · \$0\.0\d+ · Stopped · shown$"))


def test_a_network_that_is_cut_in_the_middle_of_a_reply_and_comes_back_loses_nothing(page: Page, windows: Windows):
    windows.expect_complaint("ERR_INTERNET_DISCONNECTED")
    begin(page)
    walks.send(page, walks.LONG)
    before = walks.await_length(page, 600)
    page.context.set_offline(True)
    expect(page.get_by_text("the reply goes on without you")).to_be_visible()
    page.context.set_offline(False)
    walks.await_end(page)
    whole = walks.reply(page).inner_text()
    assert whole.startswith(before[:500])
    page.reload()
    expect(walks.reply(page)).to_have_attribute("data-live", "no")
    assert walks.reply(page).inner_text() == whole, "what was streamed is what is stored"


# From the click until two frames later: what was drawn has then been painted.
_OPEN = """async (title) => {
  const all = (name) => [...document.querySelectorAll(`[data-testid=${name}]`)];
  const link = all("conversation").find((one) => one.textContent.includes(title));
  const began = performance.now();
  link.click();
  const there = () => all("reply-text").at(-1)?.textContent.includes("Reply 499");
  while (!there()) await new Promise(requestAnimationFrame);
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return performance.now() - began;
}"""


def test_a_chat_of_500_messages_opens_at_once_and_comes_whole_as_somebody_scrolls_up(page: Page, site: Website):
    email = walks.join(page, mode="credits", dollars=10)
    site.lengthen(email, messages=500, title="A long talk")
    page.goto("/")
    expect(page.get_by_test_id("conversation")).to_be_visible()
    took = page.evaluate(_OPEN, "A long talk")
    assert took < 1_000, f"opening took {took:.0f} ms"
    assert page.get_by_test_id("question-text").count() < 100, "what nobody looks at is not sent"
    thread = page.get_by_role("region", name="Conversation")
    for _ in range(40):
        # Counted before, as what comes may be there as soon as the view is at its top.
        known = page.locator(".message").count()
        thread.evaluate("view => view.scrollTop = 0")
        page.wait_for_function(
            "known => document.querySelectorAll('.message').length !== known || document.getElementById('m0')",
            arg=known,
        )
        if page.locator("#m0").count():
            break
    expect(page.locator("#m0")).to_contain_text("Question 0:")
    expect(page.locator(".message")).to_have_count(500)
    page.get_by_test_id("composer").press_sequentially("And now?", delay=5)
    expect(page.get_by_test_id("composer")).to_have_value("And now?")


RICH = r"""From $5 to $10, not $$. The area is \(A = \pi r^2\), with
$$\int_0^1 x\,dx = \frac{1}{2}$$
and `\(x\)` as code. \(\href{javascript:alert(1)}{a}\) \(\htmlClass{evil}{b}\)

```python
def area(radius):
    return "<img src=x onerror=window.hacked=1>"
```
"""


def test_code_gets_colours_and_formulas_are_set_while_dollars_stay_dollars_and_nothing_comes_alive(page: Page):
    walks.join(page, mode="credits", dollars=10)
    body = f"data: {json.dumps(RICH)}\n\n"
    stream = "**/api/turns/*/text"
    page.route(stream, lambda route: route.fulfill(status=200, content_type="text/event-stream", body=body))
    page.goto("/")
    walks.send(page, "Hello")
    text = walks.reply(page)
    expect(text.locator(".katex")).to_have_count(4)
    expect(text.locator(".maths-display .katex-display")).to_have_count(1)
    expect(text).to_contain_text("From $5 to $10, not $$.")
    expect(text.locator("code").get_by_text(r"\(x\)", exact=True)).to_be_visible()
    expect(text.locator("pre .hljs-keyword").first).to_have_text("def")
    expect(text.locator("pre")).to_contain_text("<img src=x onerror=window.hacked=1>")
    assert text.locator("img, script, a, .evil").count() == 0
    assert page.evaluate("window.hacked") is None
    page.unroute(stream)
    walks.await_end(page)
