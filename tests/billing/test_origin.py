"""Play money never meets live keys, in either direction."""

import pytest

from projectloom.billing.origin import stamp_books
from projectloom.config import ConfigurationError, settings


def set_live_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-live-0123456789")
    settings.cache_clear()


def test_live_keys_are_refused_on_books_that_the_sandbox_kept(books, monkeypatch):
    stamp_books()
    stamp_books()
    set_live_key(monkeypatch)
    with pytest.raises(ConfigurationError, match="play money"):
        stamp_books()


def test_a_sandbox_is_refused_on_real_books(books, monkeypatch):
    set_live_key(monkeypatch)
    stamp_books()
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    settings.cache_clear()
    with pytest.raises(ConfigurationError, match="real"):
        stamp_books()


def test_without_a_database_of_its_own_the_sandbox_keeps_its_books_apart(monkeypatch):
    play = settings().sql_url
    set_live_key(monkeypatch)
    assert settings().sql_url != play
