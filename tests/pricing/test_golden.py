"""Every payload of the golden corpus is charged to the nano-dollar: streams through the real clients over HTTP."""

from collections import Counter
from datetime import date
from decimal import Decimal
from functools import cache

import pytest
import pytest_asyncio
from anthropic.types import Message, RawMessageStreamEvent
from openai.types import CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import TypeAdapter

from projectloom.metering.models import Completion, Turn
from projectloom.metering.running import Feed, _consume
from projectloom.metering.settling import Outcome, bill_of
from projectloom.pricing import PriceCard, card_from_genai_prices, charge, provider_cost, reply_lines
from projectloom.providers import close_providers, usage_of_response
from tests.providers.dialects import call_to
from tests.providers.scripted_server import RESET, ScriptedServer, Step, cut, stream

from .golden_cases import COUNTED, FIGURES, STREAMED, WHOLE, Case, worked_out_nanos, working_of

FIGURES_READ_ON = date(2026, 11, 22)
# What a turn knows of itself, for replies that the provider does not count.
INPUT_ESTIMATE = 40
MAX_OUTPUT = 1_000


def named(cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


@cache
def card(markup: str = "0") -> PriceCard:
    return card_from_genai_prices(Decimal(markup), on=FIGURES_READ_ON)


@pytest_asyncio.fixture
async def closed_connections():
    yield
    await close_providers()


def script(case: Case) -> list[Step]:
    match case.raw.get("end"):
        case None:
            return stream(*case.events())
        case "cut":
            return cut(*case.events())
        case "reset":
            # What the client has not read by then is lost with the connection.
            return [*cut(*case.events()), 0.05, RESET]
        case end:
            raise AssertionError(end)


async def outcome_of(case: Case) -> Outcome:
    async with ScriptedServer([script(case)]) as server:
        call = call_to(server.url, model=case.model, max_tokens=MAX_OUTPUT)
        outcome = await _consume(Feed("turn"), case.provider, call)
    # Our own retries are counted: there are none.
    assert len(server.asked) == 1
    return outcome


@named(STREAMED)
@pytest.mark.usefixtures("closed_connections")
async def test_a_streamed_reply_is_counted_and_charged_exactly(case: Case) -> None:
    outcome = await outcome_of(case)
    turn = Turn(model=case.model, input_estimate=INPUT_ESTIMATE, max_output_tokens=MAX_OUTPUT)
    bill = bill_of(card(), turn, outcome)
    if case.expected is None:
        assert bill is None
        return
    assert bill is not None
    assert bill.usage == case.usage
    assert bill.estimated is case.expected["estimated"]
    assert bool(outcome.text) is case.expected["delivered"]
    assert (outcome.completion == Completion.COMPLETE) is case.expected["complete"]
    assert (outcome.error and outcome.error.data["kind"]) == case.expected["error"]
    assert bill.provider_cost_nanos == case.raw["cost_nanos"]
    for markup, nanos in case.raw["charge_nanos"].items():
        marked_up = bill_of(card(markup), turn, outcome)
        assert marked_up is not None
        assert marked_up.due_nanos == nanos


@named(WHOLE)
def test_a_whole_answer_is_counted_and_charged_exactly(case: Case) -> None:
    usage = usage_of_response(case.provider, case.raw["body"])
    assert usage == case.usage
    if usage is None:
        return
    assert provider_cost(card(), case.model, usage) == case.raw["cost_nanos"]
    for markup, nanos in case.raw["charge_nanos"].items():
        assert charge(card(markup), case.model, usage) == nanos


@named(COUNTED)
def test_each_golden_amount_is_its_working_in_fractions(case: Case) -> None:
    assert case.raw["cost_nanos"] == worked_out_nanos(case)
    assert {"0", "7.5"} <= set(case.raw["charge_nanos"])
    delivered = (case.expected or {}).get("delivered", True)
    for markup, nanos in case.raw["charge_nanos"].items():
        assert nanos == (worked_out_nanos(case, markup) if delivered else 0)


@named(COUNTED)
def test_each_working_has_the_counts_of_its_case_at_the_published_rates(case: Case) -> None:
    assert case.expected is not None
    told, figures = case.expected["usage"], FIGURES[case.model]
    total = sum(told.get(f"{pool}_tokens", 0) for pool in ("input", "cache_read", "cache_write_5m", "cache_write_1h"))
    rates = figures["long" if total > figures.get("above", total) else "rates"]
    terms = [(told[f"{pool}_tokens"], rate, "M") for pool, rate in rates.items() if f"{pool}_tokens" in told]
    if searches := told.get("web_searches"):
        terms.append((searches, figures["web_search"], "k"))
    assert working_of(case) == terms


@named(COUNTED)
def test_a_receipt_shows_the_terms_of_the_working(case: Case) -> None:
    assert case.usage is not None
    shown = [(line.quantity, line.rate, line.per) for line in reply_lines(card(), case.model, case.usage)]
    per = {"M": 1_000_000, "k": 1_000}
    assert shown == [(quantity, Decimal(rate), per[measure]) for quantity, rate, measure in working_of(case)]


@named([case for case in (*STREAMED, *WHOLE) if case.is_published_shape])
def test_each_payload_has_the_shape_that_the_providers_own_client_declares(case: Case) -> None:
    if case.provider == "anthropic":
        if "body" in case.raw:
            Message.model_validate(case.raw["body"])
        for name, body in case.raw.get("events", []):
            if name not in ("ping", "error"):
                TypeAdapter(RawMessageStreamEvent).validate_python(body)
        return
    if "body" in case.raw:
        shape = CreateEmbeddingResponse if case.raw["body"]["object"] == "list" else ChatCompletion
        shape.model_validate(case.raw["body"])
    for body in case.raw.get("events", []):
        if body != "[DONE]":
            ChatCompletionChunk.model_validate(body)


def test_the_corpus_covers_every_model_both_ways_of_answering_and_each_side_of_every_line() -> None:
    every = [*STREAMED, *WHOLE]
    assert len(every) >= 60
    assert len({case.name for case in every}) == len(every)
    assert {case.model for case in COUNTED} == {model.id for model in card().models} == set(FIGURES)
    assert Counter(case.provider for case in STREAMED).keys() == Counter(case.provider for case in WHOLE).keys()
    for model_id, figures in FIGURES.items():
        if "above" in figures:
            totals = {case.usage.total_input_tokens for case in COUNTED if case.model == model_id and case.usage}
            assert {figures["above"] - 1, figures["above"], figures["above"] + 1} <= totals
