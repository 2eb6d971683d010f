from concurrent.futures import ThreadPoolExecutor

import pytest

from projectloom import db, limits
from projectloom.errors import InvalidInput
from projectloom.workspace.preferences import (
    Preferences,
    read_preferences,
    set_api_key_mode,
    set_cheaper_told,
    set_default_model,
    set_favourite,
)


def test_who_never_chose_uses_their_own_keys(person: str):
    assert read_preferences(person) == Preferences("own", None)
    assert read_preferences("usr_unheard_of") == Preferences("own", None)


def test_what_was_chosen_survives_a_restart(person: str):
    set_api_key_mode(person, "credits")
    set_default_model(person, "claude-haiku-4-5")
    db.engine().dispose()
    db.engine.cache_clear()
    assert read_preferences(person) == Preferences("credits", "claude-haiku-4-5")


def test_each_choice_leaves_the_other_as_it_is(person: str):
    set_default_model(person, "gpt-6-luna")
    assert set_api_key_mode(person, "credits") == Preferences("credits", "gpt-6-luna")
    set_default_model(person, "claude-haiku-4-5")
    assert set_api_key_mode(person, "own") == Preferences("own", "claude-haiku-4-5")


@pytest.mark.parametrize("mode", [None, "", "OWN", "byok", 1, True, ["own"], {"own": 1}, "own ", "\ud800"], ids=repr)
def test_another_mode_is_refused_and_changes_nothing(person: str, mode: object):
    set_api_key_mode(person, "credits")
    with pytest.raises(InvalidInput):
        set_api_key_mode(person, mode)
    assert read_preferences(person).api_key_mode == "credits"


def test_two_tabs_that_choose_at_once_both_succeed(person: str):
    with ThreadPoolExecutor(6) as pool:
        modes = list(pool.map(lambda n: set_api_key_mode(person, ("own", "credits")[n % 2]).api_key_mode, range(6)))
    assert sorted(modes) == ["credits"] * 3 + ["own"] * 3


def test_favourites_keep_their_order_and_of_two_clicks_at_once_none_is_lost(person: str):
    models = [f"model-{number}" for number in range(8)]
    for model in models[:2]:
        set_favourite(person, model, liked=True)
    assert set_favourite(person, models[0], liked=True) == (models[1], models[0])
    assert set_favourite(person, models[1], liked=False) == (models[0],)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda model: set_favourite(person, model, liked=True), models[1:]))
    assert set(read_preferences(person).favourites) == set(models)


def test_there_are_only_so_many_favourites_and_each_is_a_models_name(person: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "MAX_FAVOURITES", 2)
    for model in ("one", "two"):
        set_favourite(person, model, liked=True)
    with pytest.raises(InvalidInput):
        set_favourite(person, "three", liked=True)
    for name in ("", "two words", "x" * 100, "a\x00b"):
        with pytest.raises(InvalidInput):
            set_favourite(person, name, liked=True)
    assert read_preferences(person).favourites == ("one", "two")


def test_who_does_not_want_to_hear_of_cheaper_models_is_believed_until_they_say_otherwise(person: str):
    assert read_preferences(person).cheaper_told
    set_cheaper_told(person, told=False)
    assert not read_preferences(person).cheaper_told
    set_api_key_mode(person, "credits")
    assert not read_preferences(person).cheaper_told
