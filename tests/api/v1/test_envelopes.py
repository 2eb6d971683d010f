"""What is told of a refusal, and what of the operator's account never is."""

import json

import pytest

from projectloom import errors
from projectloom.api.errors import STATUS
from projectloom.api.v1.envelopes import error_event, refusal
from projectloom.errors import LoomError, ProviderError
from projectloom.metering.models import Funding
from projectloom.providers import RefusedByProvider
from projectloom.providers.failures import from_status
from tests.providers.dialects import both

ABOUT_THE_ACCOUNT = (
    "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade.",
    "Your organization must be verified to stream this model.",
    "This workspace has reached its limit.",
    "Project `proj_abc123` does not have access to this model.",
    "You exceeded your current quota.",
    "Incorrect API key provided: sk-proj-abc.",
)
ABOUT_THE_REQUEST = (
    "messages.0.role: Input should be 'user' or 'assistant'",
    "This model's maximum context length is 128000 tokens.",
    "prompt is too long: 250000 tokens > 200000 maximum",
)


def refused(status: int, words: str, kind: str = "invalid_request_error") -> RefusedByProvider:
    body = {"error": {"type": kind, "message": words}}
    return RefusedByProvider(from_status("openai", status, {}, body), json.dumps(body).encode())


@both
@pytest.mark.parametrize("status", [400, 403, 404])
@pytest.mark.parametrize("words", ABOUT_THE_ACCOUNT)
def test_words_about_the_operators_account_stay_here_whatever_their_status(provider, status: int, words: str):
    told = refusal(refused(status, words), provider, funding=Funding.CREDITS)
    assert told.status == 503
    assert words.encode() not in told.body
    assert b"cannot pay" in told.body
    own = refusal(refused(status, words), provider, funding=Funding.OWN_KEY)
    assert (own.status, json.loads(own.body)["error"]["message"]) == (status, words)


@both
@pytest.mark.parametrize("words", ABOUT_THE_REQUEST)
@pytest.mark.parametrize("funding", [Funding.CREDITS, Funding.OWN_KEY])
def test_words_about_the_request_pass_as_they_are(provider, words: str, funding: Funding):
    error = refused(400, words)
    told = refusal(error, provider, funding=funding)
    assert (told.status, told.body, told.headers["x-should-retry"]) == (400, error.body, "false")


@both
@pytest.mark.parametrize("status", [401, 402, 403, 409, 429, 500, 502, 503, 529])
def test_other_refusals_on_credits_are_in_words_of_ours(provider, status: int):
    told = refusal(refused(status, "canary"), provider, funding=Funding.CREDITS)
    assert told.status >= 429
    assert b"canary" not in told.body


@both
def test_every_error_there_is_has_an_envelope(provider):
    every = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, LoomError)]
    for kind in every:
        if kind is LoomError:
            continue
        error = kind()
        told = refusal(error, provider)
        assert 400 <= told.status < 600
        assert json.loads(told.body)["error"]["message"]
        assert ("retry-after" in told.headers) is error.retryable
        assert error.code in STATUS
        assert b"data: " in error_event(error, provider, funding=Funding.CREDITS)


def test_when_to_come_back_is_told_where_the_provider_told_it():
    error = ProviderError("Wait.", kind="rate_limited", status=429, retry_after=17, retryable=True)
    assert refusal(error, "openai", funding=Funding.CREDITS).headers["retry-after"] == "17"
