"""The dashboard, the alert rules and the page about them name what a server really tells."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from projectloom import limits
from projectloom.api.metrics import exposition
from projectloom.billing.models import JobLease
from projectloom.clock import now
from projectloom.config import PROJECT_ROOT
from projectloom.db import transaction

FOLDER = PROJECT_ROOT / "docs" / "operating"
OF_HISTOGRAMS = ("_bucket", "_sum", "_count")


@pytest.fixture
async def told(books, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Every family of ours with its type."""
    monkeypatch.setattr(limits, "FIGURES_FRESH_SECONDS", 0)
    with transaction() as session:
        session.add(JobLease(name="reconcile", until=now(), done_at=now()))
    types = re.findall(r"^# TYPE (loom_\w+) (\w+)", (await exposition()).decode(), re.MULTILINE)
    return {name: kind for name, kind in types if not name.endswith("_created")}


def expressions(found: Any) -> Iterator[str]:
    if isinstance(found, dict):
        yield from (found[key] for key in ("expr",) if key in found)
        yield from (one for value in found.values() for one in expressions(value))
    elif isinstance(found, list):
        yield from (one for value in found for one in expressions(value))


def names(expression: str) -> set[str]:
    return set(re.findall(r"\bloom_\w+", expression))


def family(name: str, told: dict[str, str]) -> str | None:
    if name in told:
        return name if told[name] != "histogram" else None
    base = next((name.removesuffix(end) for end in OF_HISTOGRAMS if name.endswith(end)), name)
    return base if told.get(base) == "histogram" else None


@pytest.mark.parametrize(
    ("file", "read"),
    [("grafana-dashboard.json", json.loads), ("alerts.yaml", yaml.safe_load)],
    ids=["dashboard", "rules"],
)
def test_the_dashboard_and_the_rules_ask_only_for_what_is_told(told: dict[str, str], file: str, read: Any):
    asked = {name for one in expressions(read((FOLDER / file).read_text("utf-8"))) for name in names(one)}
    assert asked
    assert {name for name in asked if family(name, told) is None} == set()


def test_everything_that_is_told_is_on_the_dashboard_and_explained(told: dict[str, str]):
    drawn = expressions(json.loads((FOLDER / "grafana-dashboard.json").read_text("utf-8")))
    on_dashboard = {family(name, told) for one in drawn for name in names(one)}
    page = names((FOLDER / "monitoring.md").read_text("utf-8"))
    assert set(told) - on_dashboard == set()
    assert set(told) ^ page == set()


def test_each_rule_says_what_happened_and_what_to_do():
    for rule in yaml.safe_load((FOLDER / "alerts.yaml").read_text("utf-8"))["groups"][0]["rules"]:
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]
        assert rule["labels"]["severity"] in ("page", "ticket")
