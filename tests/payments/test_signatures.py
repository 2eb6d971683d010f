"""What is not signed by Stripe is refused before anything is read from it."""

import json
import time

import pytest

from projectloom.config import settings
from projectloom.errors import InvalidEvent, InvalidSignature
from projectloom.limits import STRIPE_SIGNATURE_TOLERANCE_SECONDS
from projectloom.payments import verify_event
from tests.stripe_double import SECRET, StripeDouble, event, session_of, sign

pytestmark = pytest.mark.usefixtures("stripe")

BODY = event("checkout.session.completed", session_of("ord_1"), event_id="evt_1")
OLD = STRIPE_SIGNATURE_TOLERANCE_SECONDS + 10


def test_a_signed_event_is_what_was_signed():
    verified = verify_event(BODY, sign(BODY))
    assert (verified.id, verified.type, verified.livemode) == ("evt_1", "checkout.session.completed", False)
    assert verified.payload == BODY.decode()
    assert verified.object["metadata"] == {"orderId": "ord_1"}


def test_text_outside_ascii_is_verified_over_its_bytes():
    body = json.dumps({**json.loads(BODY), "note": "Zoë 🧵 \u2028"}, ensure_ascii=False).encode()
    assert verify_event(body, sign(body)).payload == body.decode()


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "t=1",
        "v1=abc",
        "garbage",
        "t=,v1=",
        "t=abc,v1=abc",
        "t=1,v1",
        "t,t=1,v1=x",
        "t=" + "9" * 400 + ",v1=x",
        "t=-1,v1=x",
        "t=\N{FULLWIDTH DIGIT ONE},v1=x",
        "t=1,v1=ä",
        "\x00",
        "," * 10_000,
    ],
    ids=lambda header: repr(header)[:20],
)
def test_a_header_that_is_no_signature_is_refused(header: str | None):
    with pytest.raises(InvalidSignature):
        verify_event(BODY, header)


def test_a_signature_beside_something_outside_ascii_is_refused_and_not_an_accident():
    with pytest.raises(InvalidSignature):
        verify_event(BODY, sign(BODY) + ",v1=é")


def test_a_forged_signature_is_refused():
    stamp = int(time.time())
    for forged in ("0" * 64, "", sign(BODY, at=stamp - 1).rpartition("=")[2]):
        with pytest.raises(InvalidSignature):
            verify_event(BODY, f"t={stamp},v1={forged}")


def test_the_signature_of_another_secret_is_refused():
    with pytest.raises(InvalidSignature):
        verify_event(BODY, sign(BODY, "whsec_of_somebody_else"))


def test_the_signature_of_another_scheme_is_refused():
    with pytest.raises(InvalidSignature):
        verify_event(BODY, sign(BODY).replace("v1=", "v0="))


def test_a_body_that_was_changed_by_one_byte_is_refused():
    with pytest.raises(InvalidSignature):
        verify_event(BODY.replace(b"ord_1", b"ord_2"), sign(BODY))
    with pytest.raises(InvalidSignature):
        verify_event(BODY + b" ", sign(BODY))


def test_while_a_secret_is_rotated_the_old_and_the_new_one_are_accepted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", f"whsec_new, {SECRET},")
    settings.cache_clear()
    for secret in ("whsec_new", SECRET):
        assert verify_event(BODY, sign(BODY, secret)).id == "evt_1"
    # An empty part of the list must not become a secret that anybody can sign with.
    for secret in ("", " ", "whsec_third"):
        with pytest.raises(InvalidSignature):
            verify_event(BODY, sign(BODY, secret))


@pytest.mark.parametrize("seconds", [-OLD, OLD, 3 * 86_400, -3 * 86_400])
def test_a_signature_of_another_time_is_refused(seconds: int):
    with pytest.raises(InvalidSignature):
        verify_event(BODY, sign(BODY, at=int(time.time()) + seconds))


@pytest.mark.parametrize("seconds", [-200, 200])
def test_a_clock_that_is_a_little_off_is_forgiven(seconds: int):
    assert verify_event(BODY, sign(BODY, at=int(time.time()) + seconds)).id == "evt_1"


def test_several_signatures_in_one_header_are_each_tried():
    signed = sign(BODY)
    stamp, _, right = signed.partition(",")
    assert verify_event(BODY, f"{stamp},v1={'0' * 64},{right},v0=older").id == "evt_1"


def test_a_body_that_is_not_text_is_refused():
    with pytest.raises(InvalidSignature):
        verify_event(b'{"id": "\xff\xfe"}', sign(b"{}"))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b'["evt_1"]',
        b'"text"',
        b"null",
        b"1e309",
        b"{}",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"id": "evt_1", "type": "x"}',
        b'{"id": "evt_1", "type": "x", "data": null}',
        b'{"id": "evt_1", "type": "x", "data": {"object": []}}',
        b'{"id": "evt_1", "type": "x", "data": {"object": "cs_1"}}',
        b'{"id": "", "type": "x", "data": {"object": {}}}',
        b'{"id": 7, "type": "x", "data": {"object": {}}}',
        b'{"id": "evt_1", "type": ["x"], "data": {"object": {}}}',
        b'{"id": "evt\\u0000", "type": "x", "data": {"object": {}}}',
        b'{"id": "evt\\ud800", "type": "x", "data": {"object": {}}}',
        b'{"id": "' + b"e" * 5_000 + b'", "type": "x", "data": {"object": {}}}',
        b'{"id": "evt_1", "type": "x", "data": {"object": {"n": ' + b"9" * 5_000 + b"}}}",
    ],
    ids=lambda body: repr(body[:40]),
)
def test_a_signed_body_that_is_no_event_is_said_to_be_none(body: bytes):
    with pytest.raises(InvalidEvent):
        verify_event(body, sign(body))


def test_nothing_is_verified_where_no_secret_is_configured(monkeypatch: pytest.MonkeyPatch, stripe: StripeDouble):
    for name in ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "STRIPE_API_BASE"):
        monkeypatch.delenv(name)
    settings.cache_clear()
    for secret in ("", "whsec_sandbox", SECRET):
        with pytest.raises(InvalidSignature):
            verify_event(BODY, sign(BODY, secret))
    assert stripe.asked == []


def test_the_sandbox_s_well_known_secret_opens_nothing_on_a_live_server():
    with pytest.raises(InvalidSignature):
        verify_event(BODY, sign(BODY, "whsec_sandbox"))
