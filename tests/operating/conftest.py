import pytest

from projectloom.config import settings
from projectloom.workspace.account_links import confirm_by_hand
from projectloom.workspace.identity import Person, identify, sign_in, sign_up
from tests.billing.conftest import shop  # noqa: F401 - a fixture

OPERATOR = "operator@example.org"


@pytest.fixture
def operator(books, monkeypatch: pytest.MonkeyPatch) -> Person:
    """Somebody whom ADMIN_EMAILS names."""
    monkeypatch.setenv("ADMIN_EMAILS", f"{OPERATOR}, second@example.org")
    settings.cache_clear()
    sign_up(OPERATOR, "correct horse battery")
    confirm_by_hand(OPERATOR, keep_password=True)
    person = identify(sign_in(OPERATOR, "correct horse battery").token)
    assert person is not None
    return person
