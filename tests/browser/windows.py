"""Browser windows that watch for trouble: whatever a test does, a page must not err nor speak to anybody else."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, WebError

WAIT_MS = 15_000
DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
    "device_scale_factor": 2,
}


class Windows:
    """Every browser context of one test; each is a device of its own, its pages are the tabs."""

    def __init__(self, chromium: Browser, address: str, *others: str) -> None:
        self._chromium, self._address = chromium, address
        self._allowed = (address, *others, "data:", "blob:")
        self._contexts: list[BrowserContext] = []
        self._expected: list[str] = []
        self.troubles: list[str] = []

    def open(self, **device: Any) -> Page:
        """The first tab on a fresh device."""
        context = self._chromium.new_context(base_url=self._address, **{**DESK, **device})
        context.set_default_timeout(WAIT_MS)
        context.on("console", self._heard)
        context.on("weberror", self._erred)
        context.on("request", self._asked)
        self._contexts.append(context)
        return context.new_page()

    def expect_complaint(self, words: str) -> None:
        """The browser may say this on its console: it logs each 4xx answer, also those that a test is about."""
        self._expected.append(words)

    def picture(self, folder: Path, name: str) -> None:
        """A screenshot of every tab."""
        folder.mkdir(exist_ok=True)
        pages = [page for context in self._contexts for page in context.pages]
        for number, page in enumerate(pages, 1):
            page.screenshot(path=folder / f"{name}-{number}.png", animations="disabled", timeout=5_000)

    def close(self) -> None:
        for context in self._contexts:
            context.close()

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(words in message.text for words in self._expected):
            self.troubles.append(f"console: {message.text} ({message.location.get('url')})")

    def _erred(self, error: WebError) -> None:
        self.troubles.append(f"uncaught: {error.error}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith(self._allowed):
            self.troubles.append(f"a request to somebody else: {request.url}")
