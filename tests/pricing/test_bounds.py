"""What a prompt can be at most."""

from hypothesis import given
from hypothesis import strategies as st

from projectloom.pricing import input_bound, likely_tokens
from projectloom.pricing.bounds import MESSAGE_OVERHEAD_TOKENS, REQUEST_OVERHEAD_TOKENS


def test_the_bound_is_bytes_and_not_characters() -> None:
    overhead = REQUEST_OVERHEAD_TOKENS["openai"] + MESSAGE_OVERHEAD_TOKENS["openai"]
    assert input_bound("openai", [("user", "año")]) == 4 + overhead
    assert input_bound("openai", [("user", "\U0001f600")]) == 4 + overhead


def test_every_message_counts_with_its_overhead() -> None:
    messages = [("system", "ab"), ("user", "cd"), ("assistant", "")]
    assert input_bound("anthropic", messages) == 4 + 64 + 3 * 16


def test_an_empty_request_still_has_the_requests_own_overhead() -> None:
    assert input_bound("openai", []) == REQUEST_OVERHEAD_TOKENS["openai"]


def test_text_that_no_encoder_takes_still_has_a_bound() -> None:
    assert input_bound("openai", [("user", "\ud800")]) > input_bound("openai", [("user", "ab")])


def test_the_estimate_is_zero_only_for_no_text() -> None:
    assert likely_tokens("") == 0
    assert likely_tokens("a") == 1
    assert likely_tokens("a" * 3_000) == 1_000


@given(st.text())
def test_the_estimate_never_exceeds_the_bound(text: str) -> None:
    assert likely_tokens(text) <= input_bound("openai", [("user", text)])
