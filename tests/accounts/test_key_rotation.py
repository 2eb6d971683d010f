"""Another SECRET_KEY: every stored key is sealed under it, whatever interrupts that, and works all the time."""

import os
import signal
import subprocess
import sys
import time

import pytest
from sqlmodel import select

from projectloom import limits
from projectloom.accounts.keys import key_id_of, open_key, store_key
from projectloom.accounts.models import ProviderKey
from projectloom.db import reading, transaction
from projectloom.errors import InvalidInput
from projectloom.workspace.key_rotation import rotate_keys
from tests.conftest import forget_settings, new_person

OLD, NEW = "the old secret, which is long enough", "the new secret, which is long enough"
OTHER = "another secret that nobody remembers"


def keep(people: list[str], master_secret: str = OLD) -> None:
    with transaction() as session:
        for person in people:
            key = f"sk-own-{person}"
            store_key(session, user_id=person, provider="openai", api_key=key, master_secret=master_secret)


def rotated_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", NEW)
    monkeypatch.setenv("SECRET_KEY_PREVIOUS", OLD)
    forget_settings()


def opened(person: str, *secrets: str) -> str | None:
    with reading() as session:
        first, *rest = secrets
        return open_key(session, user_id=person, provider="openai", master_secret=first, previous=tuple(rest))


def sealed_under(master_secret: str) -> int:
    with reading() as session:
        query = select(ProviderKey).where(ProviderKey.key_id == key_id_of(master_secret))
        return len(session.exec(query).all())


def test_keys_open_under_the_old_secret_or_the_new_one_before_and_after(books, monkeypatch) -> None:
    people = [new_person() for _ in range(3)]
    keep(people)
    rotated_settings(monkeypatch)
    assert [opened(person, NEW, OLD) for person in people] == [f"sk-own-{person}" for person in people]
    assert opened(people[0], NEW) is None
    done = rotate_keys()
    assert (done.sealed, done.left) == (3, 0)
    assert [opened(person, NEW) for person in people] == [f"sk-own-{person}" for person in people]
    # Again changes nothing.
    assert (rotate_keys().sealed, rotate_keys().left) == (0, 0)


def test_what_no_secret_opens_is_left_and_said(books, monkeypatch) -> None:
    mine, lost = new_person(), new_person()
    keep([mine])
    keep([lost], OTHER)
    rotated_settings(monkeypatch)
    done = rotate_keys()
    assert (done.sealed, done.left) == (1, 1)
    assert "could not be opened" in str(done)
    assert opened(lost, OTHER) == f"sk-own-{lost}"


def test_without_a_previous_secret_nothing_is_touched(books) -> None:
    with pytest.raises(InvalidInput, match="SECRET_KEY_PREVIOUS"):
        rotate_keys()


def test_a_rotation_that_is_killed_in_the_middle_is_finished_by_the_next(books, monkeypatch) -> None:
    people = [new_person() for _ in range(limits.KEYS_ROTATED_AT_ONCE * 12)]
    keep(people)
    rotated_settings(monkeypatch)
    command = [sys.executable, "-m", "projectloom", "keys", "rotate"]
    process = subprocess.Popen(command, env={**os.environ, "LOOM_ENV_FILE": os.devnull}, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not sealed_under(NEW) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    before = sealed_under(NEW)
    assert before % limits.KEYS_ROTATED_AT_ONCE == 0
    assert before + sealed_under(OLD) == len(people)
    # Whatever was done by then, everything opens.
    assert all(opened(person, NEW, OLD) == f"sk-own-{person}" for person in people)
    assert rotate_keys().sealed == len(people) - before
    assert all(opened(person, NEW) == f"sk-own-{person}" for person in people)
