"""docs/faults.md tells the truth: every test that it names is there, and no scenario of the table is without one."""

import re
from pathlib import Path

from projectloom.config import PROJECT_ROOT

MAP = PROJECT_ROOT / "docs" / "faults.md"
TABLE = PROJECT_ROOT / "docs" / "faults-table.md"
TESTS = PROJECT_ROOT / "tests"


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def mapped() -> dict[str, dict[str, list[str]]]:
    """By family and scenario, the names of its tests."""
    found: dict[str, dict[str, list[str]]] = {}
    family = ""
    for line in MAP.read_text("utf-8").splitlines():
        if line.startswith("## "):
            family = line.removeprefix("## ")
            found[family] = {}
        elif line.startswith("| ") and not line.startswith("| Scenario"):
            scenario, named = cells(line)
            found[family][scenario] = re.findall(r"`([^`]+::[^`]+)`", named)
    return found


def test_every_scenario_of_the_table_is_mapped_to_at_least_one_test() -> None:
    known = mapped()
    rows = [cells(line) for line in TABLE.read_text("utf-8").splitlines() if line.startswith("| ")]
    wanted = {family: [one.strip() for one in told.split(";")] for family, told, _ in rows if family != "Family"}
    assert len(wanted) >= 21
    assert list(wanted) == list(known)
    for family, scenarios in wanted.items():
        assert scenarios == list(known[family]), family
        assert all(known[family][scenario] for scenario in scenarios), family


def test_every_test_that_the_map_names_is_there() -> None:
    named = {test for scenarios in mapped().values() for tests in scenarios.values() for test in tests}
    assert len(named) > 100
    missing = [name for name in sorted(named) if not is_there(name)]
    assert missing == []


def is_there(name: str) -> bool:
    path, _, function = name.partition("::")
    file: Path = TESTS / path
    pattern = rf"^(async )?def {re.escape(function)}\("
    return file.exists() and re.search(pattern, file.read_text("utf-8"), re.MULTILINE) is not None
