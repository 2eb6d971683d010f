"""How many accounts are made over all: those that are made count, and no request that makes none."""

import pytest

from projectloom.errors import EmailTaken, InvalidInput, TooManyRequests
from projectloom.ids import new_id
from projectloom.workspace.identity import sign_in, sign_up
from tests.conftest import forget_settings

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _few(books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATE_SIGN_UP_ALL", "2/hour")
    forget_settings()


def fresh_email() -> str:
    return f"{new_id('p').lower()}@example.org"


def test_only_so_many_accounts_are_made_in_a_while_and_none_of_the_others_is_there(books):
    first = fresh_email()
    sign_up(first, PASSWORD)
    sign_up(fresh_email(), PASSWORD)
    late = fresh_email()
    for _ in range(2):
        with pytest.raises(TooManyRequests, match="joining") as refused:
            sign_up(late, PASSWORD)
    assert 0 < int(str(refused.value.data["retry_after"])) <= 3_600
    with pytest.raises(EmailTaken):
        sign_up(first, PASSWORD)
    assert sign_in(first, PASSWORD)


def test_what_makes_no_account_takes_no_room(books):
    first = fresh_email()
    sign_up(first, PASSWORD)
    for _ in range(5):
        with pytest.raises(InvalidInput):
            sign_up("nobody", PASSWORD)
        with pytest.raises(EmailTaken):
            sign_up(first, PASSWORD)
    assert sign_up(fresh_email(), PASSWORD)
