"""What the demonstration model says, and how fast."""

import asyncio
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projectloom.sandbox.pace import Pace, chunks, speak
from projectloom.sandbox.replies import compose_reply
from projectloom.sandbox.tokenizer import count_tokens, encode, first_tokens


@pytest.mark.parametrize("question", ["How do tides work?", "Write a poem about autumn leaves", "Why?", "日本について"])
def test_an_ordinary_reply_shows_a_heading_a_list_code_and_a_table(question):
    reply = compose_reply(question)
    assert re.search(r"^## ", reply, re.MULTILINE)
    assert len(re.findall(r"^- ", reply, re.MULTILINE)) == 3
    assert re.search(r"^```python\n.*?\n```$", reply, re.MULTILINE | re.DOTALL)
    assert re.search(r"^\| --- ", reply, re.MULTILINE)
    assert "sandbox" in reply
    assert question in reply
    assert 600 < len(reply) < 2_500


@pytest.mark.parametrize("greeting", ["Hi", "hello there!", "Good morning", "thanks", "", "Hello, sandbox"])
def test_a_greeting_is_answered_shortly(greeting):
    assert len(compose_reply(greeting)) < 200
    assert "sandbox" in compose_reply(greeting)


@pytest.mark.parametrize(
    "wish", ["Write a long story", "An essay on bees, please", "Tell me about bees in 1000 words", "2,000 words on tea"]
)
def test_a_wish_for_length_is_met(wish):
    assert len(compose_reply(wish)) >= 8_000


def test_a_system_prompt_can_ask_for_length():
    assert len(compose_reply("What are bees?", system="Always write essays.")) >= 8_000


@pytest.mark.parametrize("question", ["How long is the Nile?", "Sum it up in 100 words", "Does he belong here?"])
def test_what_only_looks_like_a_wish_for_length_gets_an_ordinary_reply(question):
    assert len(compose_reply(question)) < 2_500


def test_no_wish_is_met_without_end():
    assert len(compose_reply("99,999 words please")) < 70_000


@given(st.text(max_size=400))
def test_the_same_question_always_gets_the_same_reply(question):
    assert compose_reply(question) == compose_reply(question)


def test_markup_in_the_question_is_quoted_as_plain_text():
    reply = compose_reply("Explain <script>alert(1)</script> and ![x](http://example.com/x.png)\n# Title")
    assert "<script>" not in reply.replace("\\<script\\>", "")
    assert "![x]" not in reply
    assert "\n# Title" not in reply


@given(st.text())
def test_chunks_joined_are_the_text(text):
    assert "".join(chunks(text)) == text


@given(st.text(alphabet=st.characters(exclude_categories=[])), st.integers(0, 50))
def test_a_beginning_never_takes_more_tokens_than_allowed_nor_a_text_more_than_its_bytes(text, tokens):
    assert count_tokens(first_tokens(text, tokens)) <= tokens
    assert count_tokens(text) <= len(text.encode("utf-8", "replace"))
    assert len(encode(text)) == 4 * count_tokens(text)


async def test_a_reply_begins_after_a_moment_and_flows_like_a_real_model():
    loop = asyncio.get_running_loop()
    text = compose_reply("How do tides work?")[:400]
    started = loop.time()
    times = [loop.time() - started async for _ in speak(text, Pace.at_speed(1))]
    assert 0.3 < times[0] < 0.5
    rate = count_tokens(text) / (times[-1] - times[0])
    assert 60 < rate < 95


async def test_speed_multiplies_the_pace():
    loop = asyncio.get_running_loop()
    started = loop.time()
    assert "".join([piece async for piece in speak("word " * 300, Pace.at_speed(50))]) == "word " * 300
    assert loop.time() - started < 0.5
