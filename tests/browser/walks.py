"""What people do again and again. Setting a scene goes over HTTP, with the cookies of the window; the rest by hand."""

import re
import time
from decimal import Decimal
from typing import Any

from playwright.sync_api import Locator, Page, expect

from projectloom.ids import new_id

PASSWORD = "correct horse battery"
LONG = "Write a long essay about rivers"


def new_email() -> str:
    return f"{new_id('p').lower()}@example.org"


def join(page: Page, *, mode: str = "own", dollars: int = 0) -> str:
    """Be somebody new in this window, with this mode and purchase; the e-mail."""
    email = new_email()
    ask(page, "POST", "/api/auth/sign-up", {"email": email, "password": PASSWORD})
    if mode != "own":
        ask(page, "PUT", "/api/preferences", {"apiKeyMode": mode})
    if dollars:
        pay_away(page, dollars)
        await_balance(page, f"{dollars}.00")
    return email


def ask(page: Page, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """A request with the window's cookies."""
    answer = page.request.fetch(path, method=method, data=body)
    assert answer.ok, answer.text()
    return answer.json()


def pay_away(page: Page, dollars: int) -> None:
    """Pay for a pack and never come back from the payment page: only the webhook can bring the credits."""
    url = ask(page, "POST", "/api/stripe/create-checkout", {"amount": dollars})["url"]
    answer = page.request.post(url, form={"outcome": "paid"}, max_redirects=0)
    assert answer.status == 303, answer.text()


def balance(page: Page) -> dict[str, Any]:
    return page.request.get("/api/credits/balance").json()


def await_balance(page: Page, dollars: str) -> None:
    deadline = time.monotonic() + 10
    while balance(page)["balanceUsd"] != dollars:
        assert time.monotonic() < deadline, f"the balance is {balance(page)}, not {dollars}"
        page.wait_for_timeout(50)


def sign_up(page: Page) -> str:
    """Make an account by hand; the e-mail."""
    email = new_email()
    page.goto("/sign-in")
    page.get_by_test_id("switch-mode").click()
    _enter(page, email)
    return email


def sign_in(page: Page, email: str) -> None:
    page.goto("/sign-in")
    _enter(page, email)


def _enter(page: Page, email: str) -> None:
    page.get_by_test_id("email").fill(email)
    page.get_by_test_id("password").fill(PASSWORD)
    page.get_by_test_id("sign-in-submit").click()
    expect(page.get_by_test_id("account-email")).to_have_text(email)


def choose_on_payment_page(page: Page, outcome: str) -> None:
    page.wait_for_url(re.compile("/sandbox/checkout/"))
    page.locator(f"button[value={outcome}]").click()


def send(page: Page, text: str) -> None:
    page.get_by_test_id("composer").fill(text)
    page.get_by_test_id("send").click()


def reply(page: Page) -> Locator:
    """The newest reply."""
    return page.get_by_test_id("reply-text").last


def await_length(page: Page, characters: int) -> str:
    """Wait until the newest reply has so many characters; its text."""
    # Until its first word comes, that the model is thinking is read aloud there.
    page.wait_for_function(
        """least => {
            const newest = [...document.querySelectorAll('[data-testid=reply-text]')].at(-1);
            return newest && !newest.querySelector('.thinking') && newest.textContent.length >= least;
        }""",
        arg=characters,
    )
    return reply(page).inner_text()


def await_end(page: Page, *, replies: int = 1) -> None:
    """Wait until so many replies stand there, all of them settled."""
    expect(page.get_by_test_id("reply-cost")).to_have_count(replies, timeout=30_000)
    expect(page.locator("[data-live=yes]")).to_have_count(0)


def read_receipt(page: Page) -> dict[str, str]:
    """Open the newest receipt, read its total and its facts, and close it."""
    page.bring_to_front()  # a tab behind another is drawn once a second, and a click waits for that
    page.get_by_test_id("reply-cost").last.click()
    receipt = page.get_by_test_id("receipt")
    expect(receipt).to_be_visible()
    names, values = receipt.locator("dt").all_inner_texts(), receipt.locator("dd").all_inner_texts()
    found = {"Total": page.get_by_test_id("receipt-total").inner_text(), **dict(zip(names, values, strict=True))}
    page.get_by_test_id("close-receipt").click()
    expect(receipt).to_have_count(0)
    return found


def dollars(text: str) -> Decimal:
    """The number in ``$26.9953``."""
    return Decimal(text.strip().removeprefix("$").replace(",", ""))


# Notes, in the page itself, when a reply was asked for, when something stirred, and how its text grew.
_WATCH = """() => {
  const seen = (window.seen = { sent: 0, alive: 0, stop: 0, texts: [] });
  const look = () => {
    const now = performance.now();
    const newest = [...document.querySelectorAll('[data-testid=reply-text]')].at(-1);
    if (document.querySelector('[data-testid=stop]')) seen.stop ||= now;
    if (newest?.dataset.live !== "yes") return;
    seen.alive ||= now;
    const length = newest.querySelector(".thinking") ? 0 : newest.textContent.length;
    if (length && length !== seen.texts.at(-1)?.[1]) seen.texts.push([now, length]);
  };
  const everything = { subtree: true, childList: true, characterData: true, attributes: true };
  new MutationObserver(look).observe(document.body, everything);
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-testid=send]")) seen.sent = performance.now();
  }, true);
}"""


def watch_reply(page: Page) -> None:
    """Begin to note how the next reply comes; ``what_was_seen`` tells."""
    page.evaluate(_WATCH)


def what_was_seen(page: Page) -> dict[str, Any]:
    return page.evaluate("window.seen")
