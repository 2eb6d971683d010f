"""Whatever goes with a message, what a provider counts for it stays within the bound that is held for it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projectloom.attached import Attached, read_attached
from projectloom.metering.prompts import bound_of, likely_of
from projectloom.pricing.bounds import IMAGE_TOKENS, likely_picture_tokens, picture_bound
from projectloom.providers import ChatCall, ChatMessage
from projectloom.providers import anthropic as anthropic_door
from projectloom.providers import openai as openai_door
from projectloom.sandbox import anthropic_prompt, openai_prompt
from projectloom.sandbox.anthropic_prompt import count_input
from projectloom.sandbox.images import anthropic_tokens, openai_tokens
from projectloom.sandbox.prompt_cache import PromptCache
from projectloom.texts import is_storable
from tests.pictures import KINDS

CLAUDES = ("claude-opus-5-5", "claude-haiku-4-5")
GPTS = ("gpt-6.1-sol", "gpt-5.4-mini", "gpt-5-nano", "gpt-4o", "o1")

sides = st.integers(1, 40) | st.integers(1, 8_000) | st.sampled_from([27, 28, 29, 31, 32, 33, 512, 2_576, 8_000])
said = st.text(max_size=60).filter(lambda text: text.strip() and is_storable(text))
pictures = st.builds(
    lambda kind, width, height, name: read_attached(name, KINDS[kind](width, height)),
    st.sampled_from(sorted(KINDS)),
    sides,
    sides,
    st.text(max_size=20),
)
written = said.filter(lambda text: not any(letter < " " for letter in text) and "\x7f" not in text)
texts = st.builds(lambda name, text: read_attached(name, text.encode()), st.text(max_size=20), written)
asked = st.builds(
    lambda text, files: ChatMessage("user", text, attached=tuple(files)),
    said | st.just(""),
    st.lists(pictures | texts, min_size=1, max_size=4),
)
replied = said.map(lambda text: ChatMessage("assistant", text))
instructions = st.lists(said.map(lambda text: ChatMessage("system", text)), max_size=1)
talks = st.builds(
    lambda first, rest, last: (*first, *(message for pair in rest for message in pair), last),
    instructions,
    st.lists(st.tuples(asked, replied), max_size=2),
    asked,
)


def call_of(model: str, messages: tuple[ChatMessage, ...]) -> ChatCall:
    return ChatCall(model=model, messages=messages, max_tokens=100, api_key="sk-x")


@given(talks, st.sampled_from(CLAUDES))
@settings(max_examples=150, deadline=None)
def test_no_message_with_files_counts_more_than_its_bound_at_anthropic(messages, model):
    call = call_of(model, messages)
    body = {"model": model, "max_tokens": 100, "messages": anthropic_door._messages(call)}
    if system := anthropic_door._system(call):
        body["system"] = system
    counted = count_input(anthropic_prompt.read_prompt(json.loads(json.dumps(body))), PromptCache(), key="k")
    total = counted.fresh + counted.cache_read + counted.written_5m + counted.written_1h
    assert total <= bound_of("anthropic", messages, ())
    assert 0 < likely_of("anthropic", messages) <= bound_of("anthropic", messages, ())


@given(talks, st.sampled_from(GPTS))
@settings(max_examples=150, deadline=None)
def test_no_message_with_files_counts_more_than_its_bound_at_openai(messages, model):
    body = {"model": model, "messages": [one for message in messages for one in openai_door._messages(message)]}
    counted = openai_prompt.read_prompt(json.loads(json.dumps(body))).tokens
    assert counted <= bound_of("openai", messages, ())
    assert 0 < likely_of("openai", messages) <= bound_of("openai", messages, ())


@given(sides, sides)
def test_no_size_of_a_picture_counts_more_than_its_bound_by_any_published_formula(width: int, height: int):
    size = (width, height)
    most = picture_bound("openai", width, height)
    details = [(model, detail) for model in GPTS for detail in ("auto", "low", "high")]
    assert all(openai_tokens(model, size, detail=detail) <= most for model, detail in details)
    assert most <= IMAGE_TOKENS["openai"]
    most = picture_bound("anthropic", width, height)
    assert all(anthropic_tokens(model, size) <= most for model in CLAUDES)
    # By patches of 28 pixels, as newer models see.
    assert min(4_784, -(-width // 28) * -(-height // 28)) <= most <= IMAGE_TOKENS["anthropic"]
    for provider in ("anthropic", "openai"):
        assert 1 <= likely_picture_tokens(provider, width, height) <= picture_bound(provider, width, height)


def test_a_small_picture_holds_far_less_than_the_largest():
    for provider in ("anthropic", "openai"):
        assert picture_bound(provider, 100, 100) * 4 < picture_bound(provider, 4_000, 3_000)


@pytest.mark.parametrize("kind", ["image/gif", "image/webp"])
@pytest.mark.parametrize("provider", ["anthropic", "openai"])
def test_a_header_that_need_not_be_the_pictures_size_is_not_believed(provider, kind):
    told = ChatMessage("user", "x", attached=(read_attached("x", KINDS[kind](1, 1)),))
    assert bound_of(provider, (told,), ()) > IMAGE_TOKENS[provider]


def test_no_content_of_a_file_shows_in_a_repr():
    file = read_attached("secret-name.txt", b"secret words")
    assert isinstance(file, Attached)
    assert "secret" not in repr(ChatMessage("user", "secret", attached=(file,)))
