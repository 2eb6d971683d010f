"""axe-core (https://github.com/dequelabs/axe-core) in the page: what is wrong for those who hear or tab through it."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from tests.clients.ai_sdk import install

FOLDER = Path(__file__).parent / "js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@lru_cache(maxsize=1)
def _script() -> str:
    install(FOLDER)
    return (FOLDER / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")


def violations(page: Page) -> list[str]:
    """What is wrong with the page as it is shown now, each with its rule and the first element that breaks it."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_script())
    found: list[dict[str, Any]] = page.evaluate(
        "rules => axe.run(document, { runOnly: rules, resultTypes: ['violations'] }).then((all) => all.violations)",
        RULES,
    )
    return [f"{one['id']}: {one['nodes'][0]['target']} {one['nodes'][0]['failureSummary']}" for one in found]
