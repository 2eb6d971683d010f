"""What is usual for a person, how far an amount reaches for them, and what is told before it stops them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from projectloom.accounts.preferences import store_preference
from projectloom.clock import now
from projectloom.db import reading, transaction
from projectloom.metering import quotes
from projectloom.metering.ahead import what_lies_ahead
from projectloom.metering.caps import set_caps
from projectloom.metering.cards import current_card
from projectloom.metering.habits import reach, recent_lengths, usual_of
from projectloom.metering.models import CapScope, Funding
from projectloom.metering.quotes import estimate, offers
from projectloom.money import from_cents, from_usd
from projectloom.pricing import charge
from projectloom.tokens import Usage
from projectloom.workspace.api_keys import create_key
from projectloom.workspace.preferences import save_provider_key, set_api_key_mode
from projectloom.workspace.provider_keys import limit_provider_key
from tests.conversations.plans import plans_of
from tests.metering.conftest import World
from tests.spending import PastReply, have_asked, spend

CENT = from_cents(1)
CHEAP, DEAR = "claude-haiku-5-5", "claude-opus-5-5"


def asked(person: str, *costs: int, funding: Funding = Funding.CREDITS, **more) -> None:
    """The person asked questions that cost so much, the last one just now."""
    moment = now()
    replies = [
        PastReply(moment - timedelta(minutes=len(costs) - number), cost, funding=funding, **more)
        for number, cost in enumerate(costs)
    ]
    have_asked(person, replies)


async def test_an_amount_reaches_as_far_as_ones_own_questions_cost(world):
    async with world(mode="own", nanos=0) as w:
        asked(w.person, *[CENT] * 10, funding=Funding.OWN_KEY)
        assert reach(w.person, [from_usd(27)]).counts == (2_700,)
        assert reach(w.person, [from_usd(10), from_usd(115)]).counts == (1_000, 11_500)


async def test_what_was_paid_from_credit_counts_before_what_own_keys_paid(world):
    async with world() as w:
        asked(w.person, *[CENT] * 10, funding=Funding.OWN_KEY)
        for _ in range(5):
            spend(w.person, 2 * CENT)
        assert reach(w.person, [from_usd(27)]).counts == (1_350,)


async def test_for_somebody_new_an_amount_is_told_in_pages_of_their_model(world):
    async with world(nanos=0) as w:
        page = {offer.model.id: offer.page_nanos for offer in offers()}
        found = reach(w.person, [from_usd(10)])
        assert (found.counts, found.pages_of) == ((from_usd(10) // page["claude-sonnet-5-5"],), "Claude Sonnet 5.5")
        with transaction() as session:
            store_preference(session, user_id=w.person, default_model=DEAR)
        assert reach(w.person, [from_usd(10)]).counts == (from_usd(10) // page[DEAR],)


async def test_replies_of_programs_and_of_the_agent_are_no_habit_of_the_person(world):
    async with world(mode="own", nanos=0) as w:
        key = create_key(w.person, "A program")
        asked(w.person, *[CENT] * 4, funding=Funding.OWN_KEY)
        asked(w.person, *[50 * CENT] * 10, funding=Funding.OWN_KEY, api_key_id=key.key.id)
        asked(w.person, *[50 * CENT] * 10, funding=Funding.OWN_KEY, source="agent")
        assert reach(w.person, [from_usd(10)]).pages_of
        asked(w.person, CENT, funding=Funding.OWN_KEY)
        assert reach(w.person, [from_usd(10)]).counts == (1_000,)


async def test_a_draft_is_dear_only_above_what_is_usual_for_this_person(world):
    async with world() as w:
        long_draft = "Tell me about rivers. " * 2_000
        assert estimate(w.person, DEAR, None, long_draft).usual_nanos is None
        for _ in range(5):
            spend(w.person, CENT // 2)
        assert estimate(w.person, DEAR, None, long_draft).usual_nanos == CENT // 2
        assert estimate(w.person, DEAR, None, "Hello").usual_nanos is None
        for _ in range(20):
            spend(w.person, 30 * CENT)
        assert estimate(w.person, DEAR, None, long_draft).usual_nanos is None


def replied(person: str, *lengths: int, **more) -> None:
    """Replies of so many tokens came, paid by an own key, the last one just now."""
    moment = now()
    replies = [
        PastReply(
            moment - timedelta(minutes=len(lengths) - number),
            CENT,
            funding=Funding.OWN_KEY,
            output_tokens=length,
            **more,
        )
        for number, length in enumerate(lengths)
    ]
    have_asked(person, replies)


def output_cost(tokens: int) -> int:
    """What so many tokens of a reply cost with the dear model, which is priced by the million."""
    with reading() as session:
        card = current_card(session).card
    return charge(card, DEAR, Usage(output_tokens=tokens))


async def test_for_somebody_new_a_range_is_what_typical_replies_cost(world):
    async with world() as w:
        told = estimate(w.person, DEAR, None, "Hello")
        assert not told.by_habit
        assert 0 <= told.low_nanos - output_cost(250) < CENT // 100
        assert 0 <= told.high_nanos - output_cost(750) < CENT // 100
        assert told.low_nanos < told.likely_nanos < told.high_nanos < told.at_most_nanos


async def test_a_range_is_what_replies_as_long_as_ones_own_cost_and_never_more_than_is_held(world):
    async with world() as w:
        replied(w.person, *range(1_000, 2_000, 25), model=DEAR)
        told = estimate(w.person, DEAR, None, "Hello")
        assert told.by_habit
        assert output_cost(1_000) < told.low_nanos < output_cost(1_300)
        assert output_cost(1_700) < told.high_nanos < output_cost(2_000)
        assert told.high_nanos <= 2 * told.low_nanos, "a range that is of use"
        assert estimate(w.person, DEAR, None, "Hello", files=()).at_most_nanos == told.at_most_nanos
        replied(w.person, *[60_000] * 50)
        told = estimate(w.person, DEAR, None, "Hello")
        assert told.low_nanos <= told.likely_nanos <= told.high_nanos <= told.at_most_nanos


async def test_a_first_reply_or_two_decide_no_range_by_themselves(world):
    async with world() as w:
        new = estimate(w.person, DEAR, None, "Hello")
        replied(w.person, 4)
        assert estimate(w.person, DEAR, None, "Hello") == new


async def test_a_range_hides_no_book_of_whom_some_replies_are_a_line_and_some_a_book(world):
    async with world() as w:
        replied(w.person, *[5, 400, 9_000] * 6, model=DEAR)
        told = estimate(w.person, DEAR, None, "Hello")
        assert told.by_habit
        assert output_cost(200) <= told.low_nanos < output_cost(400)
        # A reply has 8,192 tokens at most here.
        assert told.high_nanos > output_cost(8_000)


async def test_what_was_stopped_or_cut_off_says_nothing_about_how_long_a_reply_is(world):
    async with world() as w:
        new = estimate(w.person, DEAR, None, "Hello")
        replied(w.person, *[3] * 20, estimated=True)
        assert estimate(w.person, DEAR, None, "Hello") == new


async def test_with_a_model_of_which_little_is_known_others_decide_and_no_habit_is_claimed(world):
    async with world() as w:
        replied(w.person, *[3_000] * 20, model=CHEAP)
        told = estimate(w.person, DEAR, None, "Hello")
        assert not told.by_habit
        assert told.high_nanos > output_cost(2_900)


async def test_how_long_replies_are_is_taken_from_the_same_model_where_it_gave_some(world):
    async with world() as w:
        replied(w.person, *[3_000] * 20, model=DEAR)
        replied(w.person, *[30] * 20, model=CHEAP)
        assert estimate(w.person, DEAR, None, "Hello").low_nanos > output_cost(1_400)
        assert (
            estimate(w.person, CHEAP, None, "Hello").high_nanos < estimate(w.person, DEAR, None, "Hello").low_nanos / 50
        )


async def test_replies_to_programs_and_the_agent_say_nothing_about_how_long_the_next_one_is(world):
    async with world(mode="own", nanos=0) as w:
        key = create_key(w.person, "A program")
        replied(w.person, *[9_000] * 10, api_key_id=key.key.id)
        replied(w.person, *[9_000] * 10, source="agent")
        assert not estimate(w.person, DEAR, None, "Hello").by_habit


async def test_no_markup_is_told_of_what_a_provider_bills_to_an_own_key(world, monkeypatch: pytest.MonkeyPatch):
    async with world() as w:
        plain = estimate(w.person, DEAR, None, "Hello")
        with reading() as session:
            version = current_card(session)
        dearer = replace(version, card=replace(version.card, markup_percent=Decimal(50)))
        monkeypatch.setattr(quotes, "current_card", lambda _session: dearer)
        assert estimate(w.person, DEAR, None, "Hello").high_nanos > plain.high_nanos
        set_api_key_mode(w.person, "own")
        assert estimate(w.person, DEAR, None, "Hello").high_nanos == plain.high_nanos


async def test_what_is_usual_is_read_by_an_index_that_ends_after_so_many_records(world, books: Engine):
    async with world() as w:
        replied(w.person, *[300] * 5)
        for recent in (
            lambda session: recent_lengths(session, user_id=w.person, source="chat"),
            lambda session: usual_of(session, user_id=w.person, funding=Funding.OWN_KEY),
        ):
            [plan] = plans_of(books, lambda read=recent: _reading(read))
            assert "ix_usage_records_user_id_created_at" in plan
            assert "Seq Scan" not in plan


def _reading(read: Callable[[Session], object]) -> None:
    with reading() as session:
        read(session)


async def test_a_cheaper_model_is_named_for_a_plain_short_question_alone(world):
    async with world() as w:
        found = estimate(w.person, DEAR, None, "What is a river?").cheaper
        assert found is not None
        assert (found.model.id, found.times >= 3) == (CHEAP, True)
        assert estimate(w.person, CHEAP, None, "What is a river?").cheaper is None
        assert estimate(w.person, DEAR, None, "Why does this fail?\n```\nx = 1\n```").cheaper is None
        assert estimate(w.person, DEAR, None, "Compare these at length. " * 40).cheaper is None


async def test_the_end_of_the_balance_is_told_in_questions_before_it_comes(world):
    async with world(nanos=from_usd(1)) as w:
        assert what_lies_ahead(w.person, None) is None
        for _ in range(5):
            spend(w.person, 10 * CENT)
        found = what_lies_ahead(w.person, None)
        assert found is not None
        assert (found.kind, found.left_nanos, found.questions) == ("balance", from_cents(50), 5)
        spend(w.person, 45 * CENT)
        assert what_lies_ahead(w.person, None) is None, "below ten cents it is no warning but the wall"


async def test_for_somebody_new_the_end_of_the_balance_is_told_below_half_a_dollar(world):
    async with world(nanos=from_cents(49)) as w:
        found = what_lies_ahead(w.person, None)
        assert found is not None
        assert (found.kind, found.questions) == ("balance", None)


async def test_the_end_of_a_cap_is_told_from_four_fifths_on_and_not_when_it_is_reached(world):
    async with world() as w:
        set_caps(w.person, {CapScope.DAY: 1})
        spend(w.person, 79 * CENT)
        assert what_lies_ahead(w.person, None) is None
        spend(w.person, CENT)
        found = what_lies_ahead(w.person, None)
        assert found is not None
        assert found.cap is not None
        assert (found.kind, found.left_nanos, found.cap.scope) == ("cap", from_cents(20), CapScope.DAY)
        spend(w.person, 20 * CENT)
        assert what_lies_ahead(w.person, None) is None


async def test_the_limit_of_an_own_key_is_told_too(world):
    async with world(mode="own", nanos=0) as w:
        limited_key(w)
        asked(w.person, 70 * CENT, funding=Funding.OWN_KEY)
        assert what_lies_ahead(w.person, None) is None
        asked(w.person, 15 * CENT, funding=Funding.OWN_KEY)
        found = what_lies_ahead(w.person, None)
        assert found is not None
        assert (found.kind, found.left_nanos) == ("key", from_cents(15))


def limited_key(w: World) -> None:
    save_provider_key(w.person, "openai", "sk-own-0123456789")
    limit_provider_key(w.person, "openai", 1)
