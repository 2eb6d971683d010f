"""Files in the composer and the thread, by button, drop and paste; and what a chat tells every model first."""

import base64
import re
from decimal import Decimal

from playwright.sync_api import Locator, Page, expect

from tests.browser import walks
from tests.browser.axe import violations
from tests.browser.website import Website
from tests.browser.windows import PHONE, Windows
from tests.pictures import jpeg, png

NOTE = b"Row one\nRow two\n" * 400


def begin(page: Page, *, dollars: int = 10) -> None:
    walks.join(page, mode="credits", dollars=dollars)
    page.goto("/")
    expect(page.get_by_test_id("estimate")).to_contain_text("a page")


def choose(page: Page, *files: tuple[str, bytes]) -> None:
    payloads = [{"name": name, "mimeType": "application/octet-stream", "buffer": data} for name, data in files]
    page.get_by_test_id("attach-field").set_input_files(payloads)


def attached(page: Page) -> Locator:
    """What is attached, once it is."""
    expect(page.locator("[data-testid=draft-file][data-busy=yes]")).to_have_count(0)
    return page.get_by_test_id("draft-file")


def most(page: Page, *, above: Decimal = Decimal(0)) -> Decimal:
    """The upper end of the estimate, in cents, once it is above an amount."""
    page.wait_for_function(
        """least => {
          const told = document.querySelector('[data-testid=estimate]')?.textContent ?? '';
          const found = /^About (?:.*–)?([\\d.]+) ¢$/.exec(told);
          return found !== null && Number(found[1]) > least;
        }""",
        arg=float(above),
    )
    found = re.search(r"([\d.]+) ¢$", page.get_by_test_id("estimate").inner_text())
    assert found
    return Decimal(found[1])


# What a browser tells a page as files are dragged over it, dropped, or pasted.
_DRAGGED = """([type, files]) => {
  const data = new DataTransfer();
  for (const [name, kind, content] of files) {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    data.items.add(new File([bytes], name, { type: kind }));
  }
  const where = document.querySelector(type === 'paste' ? '#composer' : '#main');
  const told = type === 'paste'
    ? new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true })
    : new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true });
  where.dispatchEvent(told);
}"""
_PASTED = """text => {
  const data = new DataTransfer();
  data.setData('text/plain', text);
  const field = document.querySelector('#composer');
  const told = new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true });
  if (field.dispatchEvent(told)) document.execCommand('insertText', false, text);
}"""


def bring(page: Page, how: str, *files: tuple[str, str, bytes]) -> None:
    """Drag, drop or paste files, given as name, type and content."""
    page.evaluate(_DRAGGED, [how, [(name, kind, base64.b64encode(data).decode()) for name, kind, data in files]])


def test_files_by_button_raise_the_estimate_survive_a_reload_and_are_in_the_thread_of_every_tab(page: Page):
    begin(page)
    walks_text = "What is in these?"
    page.get_by_test_id("composer").fill(walks_text)
    before = most(page)
    assert "10 files" in (page.get_by_test_id("attach").get_attribute("title") or "")
    choose(page, ("map.png", png(640, 480)), ("rows.csv", NOTE))
    expect(attached(page)).to_have_count(2)
    expect(attached(page).nth(1)).to_contain_text("rows.csv6 kB")
    after = most(page, above=before)

    page.reload()
    expect(page.get_by_test_id("composer")).to_have_value(walks_text)
    expect(attached(page)).to_have_count(2)
    expect(attached(page).locator("img")).to_have_js_property("naturalWidth", 640)
    assert most(page) == after
    page.get_by_test_id("send").click()
    walks.await_end(page)
    expect(walks.reply(page)).to_contain_text("I was shown 1 image.")
    expect(page.get_by_test_id("draft-file")).to_have_count(0)
    assert Decimal(walks.read_receipt(page)["Total"].removeprefix("$")) * 100 <= after

    # Another message has what was sent before in its price.
    page.get_by_test_id("composer").fill(walks_text)
    assert most(page) > before
    other = page.context.new_page()
    other.goto(page.url)
    sent = other.get_by_test_id("sent-file")
    expect(sent).to_have_count(2)
    expect(sent.locator("img")).to_have_js_property("naturalWidth", 640)
    expect(sent.nth(1)).to_contain_text("rows.csv")
    kept = other.request.get(sent.nth(1).get_attribute("href") or "")
    assert (kept.body(), kept.headers["content-type"]) == (NOTE, "text/plain; charset=utf-8")


def test_dropping_says_the_limits_before_and_what_cannot_be_attached_at_the_drop(page: Page, windows: Windows):
    windows.expect_complaint("400")
    begin(page)
    bring(page, "dragenter", ("a.png", "image/png", png()))
    place = page.get_by_test_id("drop-place")
    expect(place).to_contain_text(
        "PNG, JPEG, GIF or WebP pictures to 3.9 MB and 8,000 pixels a side, text files to 500 kB"
    )
    bring(page, "dragleave", ("a.png", "image/png", png()))
    expect(place).to_have_count(0)

    bring(page, "drop", ("a.png", "image/png", png()), ("b.jpg", "image/jpeg", jpeg()))
    expect(attached(page)).to_have_count(2)
    bring(page, "drop", ("paper.pdf", "application/pdf", b"%PDF-1.7"))
    trouble = page.get_by_test_id("file-trouble")
    expect(trouble).to_have_text("paper.pdf cannot be attached. Attach PNG, JPEG, GIF or WebP pictures, or text files.")
    bring(page, "drop", ("long.txt", "text/plain", b"x" * 4_000_000))
    expect(trouble).to_have_text("long.txt is larger than 500 kB.")
    bring(page, "drop", *[(f"{number}.txt", "text/plain", b"words") for number in range(9)])
    expect(trouble).to_have_text("A message can have at most 10 files.")
    expect(attached(page)).to_have_count(10)
    page.get_by_test_id("remove-file").first.click()
    expect(attached(page)).to_have_count(9)
    # A picture in words that nobody said: nothing else is needed to send it.
    for _ in range(8):
        page.get_by_test_id("remove-file").last.click()
    expect(attached(page).locator("img")).to_have_count(1)
    page.get_by_test_id("send").click()
    walks.await_end(page)
    expect(walks.reply(page)).to_contain_text("I was shown 1 image.")


def test_a_long_paste_becomes_a_file_with_its_size_and_nothing_is_ever_lost(page: Page, windows: Windows):
    windows.expect_complaint("Failed to load resource")
    begin(page)
    composer = page.get_by_test_id("composer")
    page.evaluate(_PASTED, "A short one. ")
    expect(composer).to_have_value("A short one. ")
    long = "All the words of a long report. " * 200
    page.evaluate(_PASTED, long)
    expect(attached(page)).to_have_text(re.compile(r"Pasted text\.txt6 kB"))
    expect(composer).to_have_value("A short one. ")
    bring(page, "paste", ("image.png", "image/png", png()))
    expect(attached(page)).to_have_count(2)

    # Without the server it is text, as it would have been.
    page.context.set_offline(offline=True)
    page.evaluate(_PASTED, long)
    expect(composer).to_have_value("A short one. " + long)
    page.context.set_offline(offline=False)
    expect(attached(page)).to_have_count(2)
    composer.fill("Summarise it")
    page.get_by_test_id("send").click()
    walks.await_end(page)
    kept = page.request.get(page.get_by_test_id("sent-file").first.get_attribute("href") or "")
    assert kept.text() == long


def test_files_wait_with_their_draft_in_its_own_chat_and_while_credits_are_bought(page: Page, site: Website):
    email = walks.join(page, mode="credits")
    site.grant(email, cents=9)
    page.goto("/")
    choose(page, ("map.png", png(80, 60)))
    expect(attached(page)).to_have_count(1)
    walks.send(page, "What is this?")
    wall = page.get_by_test_id("wall-credits")
    expect(wall).to_be_visible()
    expect(page.get_by_test_id("composer")).to_have_value("What is this?")
    expect(attached(page)).to_have_count(1)
    expect(page.get_by_test_id("sent-file")).to_have_count(0)
    wall.get_by_test_id("buy-10").click()
    walks.choose_on_payment_page(page, "paid")
    expect(page.get_by_test_id("composer")).to_have_value("What is this?")
    expect(attached(page)).to_have_count(1)
    page.get_by_test_id("send").click()
    walks.await_end(page)
    expect(walks.reply(page)).to_contain_text("I was shown 1 image.")

    # Each chat has its own.
    choose(page, ("rows.csv", NOTE))
    expect(attached(page)).to_have_count(1)
    chat = page.url
    page.goto("/")
    expect(page.get_by_test_id("estimate")).to_be_visible()
    expect(page.get_by_test_id("draft-file")).to_have_count(0)
    page.goto(chat)
    expect(attached(page)).to_contain_text(["rows.csv"])


def test_an_edit_and_another_reply_are_about_the_same_files(page: Page):
    begin(page)
    choose(page, ("map.png", png(80, 60)))
    expect(attached(page)).to_have_count(1)
    walks.send(page, "What is this?")
    walks.await_end(page)
    page.get_by_test_id("question-text").hover()
    page.get_by_test_id("edit-question").click()
    page.get_by_test_id("edit-field").fill("Where is this?")
    expect(page.get_by_test_id("edit-price")).to_contain_text("¢")
    page.get_by_test_id("edit-field").press("Enter")
    expect(page.get_by_test_id("version")).to_contain_text("2/2")
    walks.await_end(page)
    expect(walks.reply(page)).to_contain_text("I was shown 1 image.")
    page.get_by_test_id("retry").click()
    page.locator("[data-answers='gpt-6-luna']").click()
    expect(page.get_by_test_id("reply-model")).to_have_text("GPT-6 Luna", timeout=30_000)
    expect(walks.reply(page)).to_contain_text("I was shown 1 image.")
    expect(page.get_by_test_id("sent-file")).to_have_count(1)


def test_instructions_are_written_before_the_first_message_priced_shown_and_changed_later(page: Page):
    begin(page)
    page.get_by_test_id("composer").fill("Hello")
    before = most(page)
    page.keyboard.press("Control+k")
    expect(page.get_by_test_id("palette-field")).to_be_focused()
    page.keyboard.type("instructions")
    expect(page.locator("[data-testid=palette-item][aria-selected=true]")).to_contain_text("Instructions for this chat")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("instructions-field")).to_be_focused()
    page.get_by_test_id("instructions-field").fill("Answer like a sailor. " * 200)
    page.get_by_test_id("instructions-save").click()
    expect(page.get_by_test_id("instructions")).to_contain_text("Answer like a sailor.")
    after = most(page, above=before)
    page.reload()
    expect(page.get_by_test_id("instructions")).to_contain_text("Answer like a sailor.")
    expect(page.get_by_test_id("composer")).to_have_value("Hello")
    assert most(page, above=before) == after
    page.get_by_test_id("send").click()
    walks.await_end(page)
    expect(page.get_by_test_id("instructions")).to_contain_text("Answer like a sailor.")
    page.reload()
    expect(page.get_by_test_id("instructions")).to_contain_text("Answer like a sailor.")

    page.get_by_test_id("chat-menu").click()
    page.get_by_test_id("instructions-menu").click()
    page.get_by_test_id("instructions-field").fill("")
    page.get_by_test_id("instructions-save").click()
    expect(page.get_by_test_id("instructions")).to_have_count(0)
    expect(page.get_by_test_id("instructions-open")).to_be_visible()
    page.goto("/")
    expect(page.get_by_test_id("estimate")).to_be_visible()
    expect(page.get_by_test_id("instructions")).to_have_count(0)


def test_on_a_phone_files_are_attached_and_seen_and_nothing_is_wider_than_the_screen(windows: Windows):
    page = windows.open(**PHONE)
    begin(page)
    choose(
        page, *[(f"holiday in the mountains {number}.png", png(900, 500)) for number in range(4)], ("rows.csv", NOTE)
    )
    expect(attached(page)).to_have_count(5)
    page.get_by_test_id("instructions-open").click()
    page.get_by_test_id("instructions-field").fill("Answer like a sailor, in long words and without any full stop.")
    page.get_by_test_id("instructions-save").click()
    expect(page.get_by_test_id("instructions")).to_be_visible()
    assert violations(page) == []
    page.get_by_test_id("composer").fill("Look")
    page.get_by_test_id("send").click()
    walks.await_end(page)
    expect(page.get_by_test_id("sent-file")).to_have_count(5)
    expect(page.get_by_test_id("sent-file").locator("img").first).to_have_js_property("naturalWidth", 900)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    # The balance has rolled down, and its colours are its own again.
    still = "one => one.playState !== 'running' || !one.effect.target.closest('.pill-place')"
    page.wait_for_function(f"document.getAnimations().every({still})")
    assert violations(page) == []
