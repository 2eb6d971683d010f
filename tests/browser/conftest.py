"""One real site for the whole folder, one Chromium for each module, fresh windows for each test."""

import os
import re
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from projectloom.config import PROJECT_ROOT
from tests.browser.website import Website
from tests.browser.windows import WAIT_MS, Windows

PICTURES = PROJECT_ROOT / "test-results"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_FAILED = pytest.StashKey[bool]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All journeys are marked, so that none is run beside others by having forgotten the mark."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        item.stash[_FAILED] = True
    return report


@pytest.fixture(scope="package")
def chromium_path() -> str:
    """The Chromium of this machine. Without one the journeys prove nothing, so CI does not let that pass."""
    wanted = os.environ.get("CHROMIUM_PATH") or "/usr/bin/chromium"
    found = shutil.which(wanted)
    if found is None:
        said = f"NO CHROMIUM at {wanted}: NOTHING THAT A PERSON SEES WAS TESTED. Install it or set CHROMIUM_PATH."
        if os.environ.get("CI", "").lower() in {"true", "1"}:
            pytest.fail(said, pytrace=False)
        pytest.skip(said)
    return found


@pytest.fixture(scope="package")
def site(chromium_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Website]:
    """The site that all journeys share; when they are over its books must prove right, before and after its end."""
    with Website(tmp_path_factory.mktemp("site")) as running:
        yield running
        running.audit()
    running.audit()


# Of module scope, because while Playwright's own loop is open no asynchronous test of another folder can run.
@pytest.fixture(scope="module")
def chromium(chromium_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def windows(chromium: Browser, site: Website, request: pytest.FixtureRequest) -> Iterator[Windows]:
    """Opens devices and tabs. A failed test leaves their pictures; page errors fail a test that else passed."""
    expect.set_options(timeout=WAIT_MS)
    opened = Windows(chromium, site.url, *site.speaks_to)
    yield opened
    try:
        if opened.troubles or request.node.stash.get(_FAILED, False):
            opened.picture(PICTURES, _file_name(request.node.name))
    finally:
        opened.close()
    assert not opened.troubles, "\n".join(opened.troubles)


@pytest.fixture
def page(windows: Windows) -> Page:
    """One tab on a fresh device."""
    return windows.open()


def _file_name(test: str) -> str:
    return re.sub(r"\W+", "-", test).strip("-")


@pytest.fixture(autouse=True)
def _no_picture_of_an_earlier_run(request: pytest.FixtureRequest) -> None:
    for old in PICTURES.glob(f"{_file_name(request.node.name)}-[0-9].png"):
        old.unlink()
