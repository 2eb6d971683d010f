"""What a person's browser meets: goal P5, with the real pages in Chromium beside the server and the mock provider.

The chat page is opened afresh several times; then one long reply streams in while clicks go to the server and back.
Bytes are counted as the browser's own network log has them: what came over the websocket, and what came over the
reply's event stream, which is where the text travels.
"""

import gzip
import os
import shutil
import statistics
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, Response, sync_playwright

from bench.database import postgres
from bench.outcome import Goal, Part, at_most, spread
from bench.servers import cores, free_port, mock_provider
from bench.site import Site, running_site
from bench.wire import LAST_WORD

CHUNKS = 2_000
DELAY_MS = 5.0
OPENINGS = 5
CLICKS = 8
EMAIL = "pages@bench.example"
LONG_MESSAGES = 500
LONG_TITLE = "A long talk"
LONG_END = f"Reply {LONG_MESSAGES - 1}"
SCROLLS = 60
FRAMES_PER_SECOND = 60
# A frame counts as missed when it came later than the one after it was due.
LATE_FRAME_MS = 1.5 * 1_000 / FRAMES_PER_SECOND
WAIT_MS = 60_000
SCRIPT = Path(__file__).with_name("pages.js")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@dataclass(slots=True)
class Opening:
    """One opening of the chat page on a fresh device; times in milliseconds."""

    first_paint: float
    largest_paint: float
    shift: float
    longest_task: float
    script_kb: float
    """Its scripts, each gzipped, in KB of 1,000 bytes."""


@dataclass(slots=True)
class Traffic:
    """Bytes that came since it began to listen."""

    websocket: int = 0
    stream: int = 0
    streams: set[str] = field(default_factory=set[str])


class NoChromium(RuntimeError):
    """There is no browser on this machine."""


def run(workdir: Path, *, quick: bool = False) -> Part:
    """Measure. Raises NoChromium, or NotStarted when the site does not come up."""
    found = shutil.which(os.environ.get("CHROMIUM_PATH") or "/usr/bin/chromium")
    if found is None:
        raise NoChromium("no Chromium: install it or set CHROMIUM_PATH")
    part = Part("pages", "python -m bench pages" + (" --quick" if quick else ""))
    chunks, openings = (400, 2) if quick else (CHUNKS, OPENINGS)
    with _site(workdir, chunks) as site, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=FLAGS)
        with _person(chromium, site) as context:
            state = cast(Any, context.storage_state())
            seen = [_open(chromium, site, state) for _ in range(openings)]
            part.lines += _openings(seen)
            lines, goals = _reply(context, chunks)
            more, opened = _long_chat(site, context, openings)
        chromium.close()
    part.lines += lines + more
    part.goals = [
        at_most("P5", "gzipped JS of the chat page", statistics.median([one.script_kb for one in seen]), 260, "KB"),
        at_most("P5", "first paint", statistics.median([one.first_paint for one in seen]) / 1_000, 0.5, "s"),
        at_most("P5", "layout shift", statistics.median([one.shift for one in seen]), 0.05, ""),
        *goals,
        at_most("P5", f"a chat of {LONG_MESSAGES} messages, click to painted", statistics.median(opened), 300, "ms"),
    ]
    return part


@contextmanager
def _site(workdir: Path, chunks: int) -> Generator[Site]:
    measured, other = cores()
    port = free_port()
    with (
        mock_provider(port, core=other, log=workdir / "logs" / "provider.log", chunks=chunks, delay_ms=DELAY_MS),
        postgres(workdir) as database,
        database.fresh("loom_pages") as url,
        running_site(workdir, database_url=url, provider_port=port, core=measured) as site,
    ):
        yield site


@contextmanager
def _person(chromium: Browser, site: Site) -> Generator[BrowserContext]:
    """A device on which somebody with credit is signed in."""
    context = _device(chromium, site)
    for method, path, body in (
        ("POST", "/api/auth/sign-up", {"email": EMAIL, "password": "correct horse battery staple"}),
        ("PUT", "/api/preferences", {"apiKeyMode": "credits"}),
    ):
        answer = context.request.fetch(path, method=method, data=body)
        if not answer.ok:
            raise RuntimeError(answer.text())
    site.command("grant", EMAIL, "100", "--reason", "bench").check_returncode()
    yield context
    context.close()


def _device(chromium: Browser, site: Site, state: Any = None) -> BrowserContext:
    context = chromium.new_context(
        base_url=site.url, viewport={"width": 1280, "height": 800}, storage_state=state, reduced_motion="no-preference"
    )
    context.set_default_timeout(WAIT_MS)
    context.add_init_script(path=SCRIPT)
    return context


def _open(chromium: Browser, site: Site, state: Any) -> Opening:
    context = _device(chromium, site, state)
    page = context.new_page()
    scripts: list[Response] = []
    page.on("response", lambda answer: scripts.append(answer) if answer.request.resource_type == "script" else None)
    page.goto("/")
    page.get_by_test_id("composer").wait_for()
    page.wait_for_load_state("networkidle")
    seen: dict[str, float] = page.evaluate(
        "({largest: bench.largest, shift: bench.shift, longest: bench.longest, "
        "first: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN})"
    )
    size = sum(len(gzip.compress(answer.body())) for answer in scripts) / 1_000
    context.close()
    return Opening(seen["first"], seen["largest"], seen["shift"], seen["longest"], size)


def _openings(seen: list[Opening]) -> list[str]:
    rows = {
        "first paint, ms": [one.first_paint for one in seen],
        "largest paint, ms": [one.largest_paint for one in seen],
        "layout shift": [one.shift for one in seen],
        "longest task, ms": [one.longest_task for one in seen],
        "gzipped JS, KB": [one.script_kb for one in seen],
    }
    lines = [f"| chat page, {len(seen)} openings with an empty cache | median (least–most) |", "|---|---|"]
    return [*lines, *(f"| {name} | {spread(values):.3g} |" for name, values in rows.items())]


def _reply(context: BrowserContext, chunks: int) -> tuple[list[str], list[Goal]]:
    """One long reply undisturbed, and one with clicks during it; beside them, clicks while nothing streams."""
    page = context.new_page()
    traffic = _listen(context.new_cdp_session(page))
    page.goto("/")
    page.get_by_test_id("composer").wait_for()
    page.wait_for_function("document.querySelectorAll('[data-model]').length > 1")
    models: list[str] = page.locator("[data-model]").evaluate_all("all => all.map(one => one.dataset.model)")
    choices = [f"[data-model='{model}']" for model in models[:2]]
    at_rest = _clicks(page, choices)
    traffic.websocket = traffic.stream = 0
    _ask(page, replies=1)
    page.evaluate("bench.watchFrames()")
    text = _await_end(page, replies=1)
    websocket, everything = traffic.websocket / text, (traffic.websocket + traffic.stream) / text
    frames: list[float] = page.evaluate("(bench.watching = false, bench.frames.slice(1))")
    late = sum(frame > LATE_FRAME_MS for frame in frames) / len(frames)
    rate = len(frames) / (sum(frames) / 1_000)
    _ask(page, replies=2)
    during = _clicks(page, choices)
    _await_end(page, replies=2)
    lines = [
        "",
        f"| a reply of {chunks:,} chunks, {text:,} bytes of text, a chunk each {DELAY_MS:g} ms | |",
        "|---|---|",
        f"| websocket bytes a byte of text | {websocket:.2f} |",
        f"| with the reply's event stream | {everything:.2f} |",
        f"| frames a second | {rate:.1f}, {late:.1%} of them late, the longest {max(frames):.0f} ms |",
        f"| click to DOM at rest, ms | {spread(at_rest):.1f} |",
        f"| click to DOM during a reply, ms | {spread(during):.1f} |",
    ]
    goals = [
        at_most("P5", "websocket bytes a byte of text", websocket, 3, "×"),
        at_most("P5", "the same with the reply's event stream", everything, 3, "×"),
        Goal("P5", f"{FRAMES_PER_SECOND} frames a second", f"{rate:.1f}", met=rate >= FRAMES_PER_SECOND - 1),
        at_most("P5", "the slowest click during a reply", max(during), 50, "ms"),
    ]
    return lines, goals


def _long_chat(site: Site, context: BrowserContext, openings: int) -> tuple[list[str], list[float]]:
    """Opening a long chat from the list, in ms from the click to its last message painted, and scrolling up in it."""
    site.module("tests.browser.long_chat", EMAIL, str(LONG_MESSAGES), LONG_TITLE).check_returncode()
    page, opened = context.new_page(), list[float]()
    for _ in range(openings):
        page.goto("/")
        page.get_by_test_id("conversation").filter(has_text=LONG_TITLE).wait_for()
        page.wait_for_load_state("networkidle")
        opened.append(page.evaluate("([title, end]) => bench.open(title, end)", [LONG_TITLE, LONG_END]))
    page.evaluate("(bench.frames = [], bench.watchFrames())")
    page.get_by_role("region", name="Conversation").hover()
    for _ in range(SCROLLS):
        page.mouse.wheel(0, -600)
        page.wait_for_timeout(1_000 / FRAMES_PER_SECOND)
    frames: list[float] = page.evaluate("(bench.watching = false, bench.frames.slice(1))")
    late = sum(frame > LATE_FRAME_MS for frame in frames) / len(frames)
    lines = [
        "",
        f"| a chat of {LONG_MESSAGES} messages, {openings} openings | |",
        "|---|---|",
        f"| click to painted, ms | {spread(opened):.0f} |",
        f"| frames while scrolling up | {late:.1%} of {len(frames)} late, the longest {max(frames):.0f} ms |",
    ]
    return lines, opened


def _ask(page: Page, *, replies: int) -> None:
    """Ask for one more reply, and wait until its text comes."""
    page.get_by_test_id("composer").fill("Tell me a very long story.")
    page.get_by_test_id("send").click()
    page.wait_for_function(
        "count => document.querySelectorAll('[data-testid=reply-text]')[count - 1]?.textContent.length > 20",
        arg=replies,
    )


def _await_end(page: Page, *, replies: int) -> int:
    """Wait until so many replies are settled; the bytes of the last one's text. Raises RuntimeError if it is cut."""
    page.get_by_test_id("reply-cost").nth(replies - 1).wait_for()
    text = page.get_by_test_id("reply-text").nth(replies - 1).inner_text()
    if LAST_WORD not in text:
        raise RuntimeError("the reply ended before its last word")
    return len(text.encode())


def _clicks(page: Page, choices: list[str]) -> list[float]:
    """Click-to-DOM times of clicks one after the other."""
    page.evaluate("bench.clicks = []")
    for number in range(CLICKS):
        # The one that is pressed at first would show nothing when it is clicked.
        page.evaluate("([what, due]) => bench.click(what, due)", [choices[(number + 1) % len(choices)], 200])
        page.wait_for_function("count => bench.clicks.length >= count", arg=number + 1)
    found: list[float] = page.evaluate("bench.clicks")
    return found


def _listen(session: CDPSession) -> Traffic:
    """Count what comes from now on (https://chromedevtools.github.io/devtools-protocol/tot/Network/)."""
    traffic = Traffic()

    def answered(event: dict[str, Any]) -> None:
        if event["response"]["mimeType"] == "text/event-stream":
            traffic.streams.add(event["requestId"])

    def came(event: dict[str, Any]) -> None:
        if event["requestId"] in traffic.streams:
            traffic.stream += event["dataLength"]

    def framed(event: dict[str, Any]) -> None:
        traffic.websocket += len(event["response"]["payloadData"].encode())

    session.on("Network.responseReceived", answered)
    session.on("Network.dataReceived", came)
    session.on("Network.webSocketFrameReceived", framed)
    cast(Any, session).send("Network.enable")
    return traffic
