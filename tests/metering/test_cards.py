"""A price comes into force when the operator says so, and everything keeps the version that it began with."""

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import select

from projectloom import __main__ as commands
from projectloom import db
from projectloom.clock import now
from projectloom.config import settings
from projectloom.db import reading, transaction
from projectloom.errors import DatabaseUnavailable, InvalidInput, NotFound
from projectloom.jobs.prices import look_at_prices
from projectloom.metering import cards, price_changes
from projectloom.metering.cards import VersionedCard, current_card
from projectloom.metering.models import UsageRecord
from projectloom.metering.price_diff import changes
from projectloom.metering.price_list import read_price_list
from projectloom.money import ceil_nanos
from projectloom.pricing import PriceCard, Tier, charge, digest, to_json
from projectloom.tokens import Usage
from tests.mails.conftest import written
from tests.providers.dialects import O_START, O_WHOLE
from tests.providers.scripted_server import cut, stream

MODEL = "gpt-6.1-sol"


@pytest.fixture(autouse=True)
def _books(books) -> Iterator[None]:
    yield
    with reading() as session:
        rows = cards.newest_versions(session)
    assert sorted(row.version for row in rows) == list(range(1, len(rows) + 1))


def live() -> VersionedCard:
    with reading() as session:
        return current_card(session)


def versions() -> int:
    return len(price_changes.history().versions)


def markup(monkeypatch: pytest.MonkeyPatch, percent: str) -> None:
    monkeypatch.setenv("PRICE_MARKUP_PERCENT", percent)
    settings.cache_clear()


def dearer(card: PriceCard, factor: int = 2) -> PriceCard:
    """The card with one model's input at so many times its rate."""
    (old,) = (model for model in card.models if model.id == MODEL)
    new = replace(old, rates=replace(old.rates, input=old.rates.input * factor), tiers=())
    models = tuple(new if model is old else model for model in card.models)
    return replace(card, models=models, source="a test")


def in_file(folder: Path, card: PriceCard) -> Path:
    file = folder / "card.json"
    file.write_text(to_json(card))
    return file


def proposed(folder: Path, factor: int = 2) -> int:
    found = price_changes.propose(file=in_file(folder, dearer(live().card, factor)))
    assert found.proposal_id is not None
    return found.proposal_id


def test_a_proposal_charges_nobody_until_it_is_applied(tmp_path: Path):
    before = live()
    number = proposed(tmp_path)
    look_at_prices()
    assert live() == before
    made = price_changes.apply(number)
    assert (made.version, live().version) == (2, 2)
    assert live().card.model(MODEL).rates.input == before.card.model(MODEL).rates.input * 2


def test_what_is_live_already_is_not_proposed(tmp_path: Path):
    found = price_changes.propose()
    assert (found.proposal_id, found.changes) == (None, [])
    same = replace(live().card, source="elsewhere")
    assert price_changes.propose(file=in_file(tmp_path, same)).proposal_id is None
    with pytest.raises(NotFound):
        price_changes.compare()


def test_the_same_card_is_proposed_once(tmp_path: Path):
    assert proposed(tmp_path) == proposed(tmp_path)
    assert len(price_changes.history().proposals) == 1


def test_a_difference_is_named_with_old_new_and_percent():
    old = live().card
    first, *others = old.models
    rates = replace(first.rates, input=first.rates.input * Decimal("1.5"), output=first.rates.output / 2)
    tier = Tier(500_000, replace(rates, input=rates.input * 2))
    new = replace(
        old,
        models=(replace(first, rates=rates, tiers=(tier,), good_at="Proofs"), *others[:-1]),
        markup_percent=Decimal(5),
    )
    found = {(change.kind, change.model, change.what): change for change in changes(old, new)}
    up, down = found["dearer", first.id, "input"], found["cheaper", first.id, "output"]
    assert (up.percent, down.percent) == ("+50 %", "-50 %")
    assert Decimal(up.new) == Decimal(up.old) * Decimal("1.5")
    assert found["dearer", "", "markup, %"].new == "5"
    assert found["changed", first.id, "good at"].new == "Proofs"
    assert ("new", first.id, "tiers, above input tokens 500000, input") in found
    assert ("gone", others[-1].id, "input") in found
    assert changes(new, new) == []


def test_a_version_to_come_is_in_force_from_its_time_on_and_not_before(tmp_path: Path):
    number, at = proposed(tmp_path), now() + timedelta(hours=1)
    assert price_changes.apply(number, at=at).effective_at == at
    assert live().version == 1
    with reading() as session:
        assert cards.card_at(session, at - timedelta(microseconds=1)).version == 1
        assert cards.card_at(session, at).version == 2


def test_a_past_time_a_second_application_and_an_unknown_proposal_are_refused(tmp_path: Path):
    number = proposed(tmp_path)
    with pytest.raises(InvalidInput, match="past"):
        price_changes.apply(number, at=now() - timedelta(seconds=1))
    price_changes.apply(number)
    for force in (False, True):
        with pytest.raises(InvalidInput, match="already"):
            price_changes.apply(number, force=force)
    with pytest.raises(NotFound):
        price_changes.apply(number + 1)
    assert versions() == 2


def test_a_proposal_that_is_older_than_the_newest_version_needs_force(tmp_path: Path):
    older, newer = proposed(tmp_path, 2), proposed(tmp_path, 3)
    price_changes.apply(newer)
    with pytest.raises(InvalidInput, match="--force"):
        price_changes.apply(older)
    assert price_changes.apply(older, force=True).version == 3


@pytest.mark.parametrize("force", [False, True])
def test_two_applications_at_once_make_one_version(tmp_path: Path, force: bool):
    number, at = proposed(tmp_path), Barrier(4)

    def apply(_: int) -> str:
        at.wait()
        try:
            return str(price_changes.apply(number, force=force).version)
        except InvalidInput:
            return "refused"

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(apply, range(4))) == ["2", "refused", "refused", "refused"]
    assert versions() == 2


def test_different_proposals_that_are_applied_at_once_are_in_force_one_after_the_other(tmp_path: Path):
    numbers = [proposed(tmp_path, factor) for factor in (2, 3, 4, 5)]
    at = Barrier(4)

    def apply(number: int) -> None:
        at.wait()
        price_changes.apply(number, force=True)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(apply, numbers))
    found = price_changes.history().versions
    assert [one.version for one in found] == [5, 4, 3, 2, 1]
    assert sorted(found, key=lambda one: one.effective_at, reverse=True) == found
    assert live().version == 5


@pytest.mark.parametrize("statement", ["UPDATE price_proposals SET card_json = ''", "DELETE FROM price_proposals"])
def test_the_database_lets_nobody_rewrite_a_proposal(tmp_path: Path, statement: str):
    proposed(tmp_path)
    with pytest.raises((DBAPIError, DatabaseUnavailable)), transaction() as session:
        session.connection().execute(text(statement))


def test_a_card_that_would_sell_replies_for_nothing_is_refused(tmp_path: Path):
    card = live().card
    free = tuple(
        replace(model, rates=replace(model.rates, output=Decimal(0)), tiers=()) if model.id == MODEL else model
        for model in card.models
    )
    without_chat = tuple(model for model in card.models if model.kind != "chat")
    for models in (free, without_chat):
        with pytest.raises(InvalidInput):
            price_changes.propose(file=in_file(tmp_path, replace(card, models=models)))
    for words in ("", "{}", "[", json.dumps({"format": 99})):
        (tmp_path / "card.json").write_text(words)
        with pytest.raises(InvalidInput):
            price_changes.propose(file=tmp_path / "card.json")
    with pytest.raises(InvalidInput):
        price_changes.propose(file=tmp_path / "no-such-file.json")


@pytest.mark.parametrize(
    ("model_id", "changes", "words"),
    [
        (MODEL, {"rates": {"input": Decimal(0)}}, "no price"),
        (MODEL, {"rates": {"output": Decimal(0)}}, "no price"),
        ("text-embedding-3-small", {"rates": {"input": Decimal(0)}}, "no price"),
        ("claude-haiku-4-5", {"kind": "embedding", "max_output_tokens": 0}, "Anthropic"),
        (MODEL, {"max_output_tokens": 1_050_001}, "above its context"),
        ("claude-haiku-4-5", {"web_search": Decimal(0)}, "web searches"),
    ],
)
def test_a_mistaken_card_is_neither_proposed_nor_put_in_force(tmp_path: Path, model_id: str, changes, words: str):
    mistaken = mistaken_card(model_id, **changes)
    with pytest.raises(InvalidInput, match=words):
        price_changes.propose(file=in_file(tmp_path, mistaken))
    # As a release would have left it that did not know the mistake yet.
    with transaction() as session:
        assert price_changes._insert(session, mistaken)
    with pytest.raises(InvalidInput, match=words):
        price_changes.apply(force=True)
    assert versions() == 1


def mistaken_card(model_id: str, *, rates: dict[str, Decimal] | None = None, **changes) -> PriceCard:
    card = live().card
    (old,) = (model for model in card.models if model.id == model_id)
    new = replace(old, rates=replace(old.rates, **(rates or {})), tiers=(), **changes)
    return replace(card, models=tuple(new if model is old else model for model in card.models), source="a test")


@pytest.mark.parametrize("pool", ["input", "cache_read", "cache_write_5m", "cache_write_1h", "output"])
def test_a_rate_below_zero_makes_no_card(tmp_path: Path, pool: str):
    value = json.loads(to_json(live().card))
    value["models"][0]["rates"][pool] = "-0.5"
    (tmp_path / "card.json").write_text(json.dumps(value))
    with pytest.raises(InvalidInput, match="zero or above"):
        price_changes.propose(file=tmp_path / "card.json")


def test_another_markup_is_in_force_once_when_servers_start(monkeypatch: pytest.MonkeyPatch, caplog):
    rates = live().card.models
    markup(monkeypatch, "7.5")
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda _: look_at_prices(), range(2)))
    assert (live().version, live().card.markup_percent, live().card.models) == (2, Decimal("7.5"), rates)
    assert "the markup is 7.5 % instead of 0 %" in caplog.text
    look_at_prices()
    assert versions() == 2
    assert price_changes.history().proposals == []


def test_another_markup_holds_for_versions_to_come_but_not_over_one_of_their_own(monkeypatch, tmp_path: Path):
    soon, later = now() + timedelta(hours=1), now() + timedelta(hours=2)
    plain, own = proposed(tmp_path), None
    own = price_changes.propose(markup_percent=Decimal(20), file=tmp_path / "card.json").proposal_id
    price_changes.apply(plain, at=soon)
    price_changes.apply(own, at=later, force=True)
    markup(monkeypatch, "5")
    look_at_prices()
    with reading() as session:
        found = [cards.card_at(session, at).card for at in (now(), soon, later)]
    assert [card.markup_percent for card in found] == [5, 5, 20]
    assert found[1].models == found[2].models != found[0].models


def test_the_first_card_carries_the_operator_s_markup(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("LOOM_DATA_DIR", str(tmp_path / "another"))
    monkeypatch.setenv("PRICE_MARKUP_PERCENT", "12.3456")
    db.engine().dispose()
    db.engine.cache_clear()
    settings.cache_clear()
    from projectloom.jobs.schema import migrate

    migrate()
    look_at_prices()
    assert (live().version, live().card.markup_percent) == (1, Decimal("12.3456"))
    assert live().card.markup_percent == read_price_list().markup_percent


def test_newer_installed_prices_are_proposed_once_told_once_and_never_apply_themselves(tmp_path: Path, caplog):
    price_changes.apply(proposed(tmp_path))
    mine = live()
    caplog.set_level(logging.INFO)
    for _ in range(3):
        look_at_prices()
    assert live() == mine
    assert [one.source.split()[0] for one in price_changes.history().proposals] == ["genai-prices", "a"]
    assert caplog.text.count("A newer price list is proposed: python -m projectloom prices diff") == 1
    assert [mail.subject for mail in written()] == ["A newer price list is proposed"]


async def test_a_turn_is_charged_at_the_version_it_began_with(world, tmp_path: Path):
    usage = Usage(input_tokens=25, output_tokens=15)
    slow = cut(O_START, end=0.3) + stream(*O_WHOLE)[1:]
    async with world(slow, stream(*O_WHOLE)) as w:
        before = live().card
        started = await w.start()
        price_changes.apply(proposed(tmp_path, 3))
        _, first = await w.watch(started.turn_id)
        _, second = await w.reply()
        assert (first.price_version, second.price_version) == (1, 2)
        assert first.charged_nanos == charge(before, MODEL, usage)
        assert second.charged_nanos == charge(live().card, MODEL, usage) > first.charged_nanos
        with reading() as session:
            kept = session.exec(select(UsageRecord.price_version).order_by(UsageRecord.id)).all()
        assert list(kept) == [1, 2]


def test_a_published_rate_is_the_one_that_is_charged(monkeypatch: pytest.MonkeyPatch):
    markup(monkeypatch, "7.5")
    look_at_prices()
    card = live().card
    found = read_price_list()
    assert (found.version, [one.version for one in found.versions]) == (2, [2, 1])
    for published in found.models:
        rates = published.rates[0]
        million = Usage(input_tokens=1_000) if published.rates[1:] else Usage(input_tokens=1_000_000)
        share = Decimal(million.input_tokens) / 1_000_000
        assert charge(card, published.model.id, million) == ceil_nanos(rates.charged["input"] * share)
        assert rates.charged["output"] == rates.provider["output"] * Decimal("1.075")


def test_the_operator_proposes_compares_applies_and_lists(tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch):
    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["projectloom", "prices", *words])
        try:
            code = commands.main()
        except SystemExit as refused:
            code = int(str(refused.code))
        said = capsys.readouterr()
        return code, said.out + said.err

    assert run("propose") == (0, "Nothing changed: version 1 has these prices already.\n")
    assert run("diff") == (2, "Nothing is proposed.\n")
    code, said = run("propose", "--from", str(in_file(tmp_path, dearer(live().card))), "--markup", "2.5")
    assert code == 0
    rows = [line.split() for line in said.splitlines()]
    assert ["dearer", "gpt-6.1-sol", "input", "2", "→", "4", "+100", "%"] in rows
    assert ["dearer", "all", "models", "markup,", "%", "0", "→", "2.5"] in rows
    number = said.split("apply ")[1].strip()
    assert run("diff", number)[1] in said
    assert run("apply", number, "--at", "2020-01-01")[0] == 2
    at = (now() + timedelta(days=2)).replace(microsecond=0, tzinfo=None)
    assert run("apply", number, "--at", at.isoformat())[1].startswith(f"Version 2 comes into force at {at} UTC.\n")
    code, said = run("apply", "--force")
    assert (code, said.startswith("Version 3 is in force since "), "PRICE_MARKUP_PERCENT is 0" in said) == (
        0,
        True,
        True,
    )
    assert run("apply")[0] == 2
    code, said = run("list")
    assert "      3  " in said
    assert digest(live().card)[:12] in said
    assert [line.split()[0] for line in said.splitlines() if line.endswith("(live)")] == ["3"]
    for wrong in ("-1", "1001", "0.00001", "NaN", "ten"):
        assert run("propose", "--markup", wrong)[0] == 2
