import pytest

from projectloom import limits
from projectloom.assistants.agent import agents
from tests.metering.conftest import _quick_watching, world

__all__ = ["_quick_watching", "world"]


@pytest.fixture(autouse=True)
def _nobody_is_left_at_work(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "AGENT_LIFE_SECONDS", 0.05)
    yield
    assert not agents.living()
