"""What the doctor checks of the services outside: Stripe, the model providers, mail, the webhook for alerts, Redis."""

import asyncio
import smtplib
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any, cast
from urllib.parse import urlsplit

import redis.asyncio as redis
from redis.exceptions import RedisError

from projectloom import limits
from projectloom.clock import now
from projectloom.config import Settings, settings
from projectloom.errors import LoomError, NotFound, PaymentUnavailable, ProviderError
from projectloom.mails.post import open_server
from projectloom.operating.doctor import Check, Finding, failed, note, ok, unused
from projectloom.payments import NEEDED_EVENTS, WebhookEndpoint, undelivered_since, webhook_endpoints
from projectloom.providers import ProviderName, check_key

WEBHOOK_PATH = "/api/stripe/webhook"
_SANDBOX = "Start the server: the sandbox is a part of it."
_DASHBOARD = "In Stripe's dashboard, Developers, Webhooks: "


async def check_stripe() -> list[Finding]:
    """The key and its mode, the endpoint of the webhook and its events, and what Stripe could not deliver."""
    known = settings()
    if not known.sells_credits:
        return [unused("stripe", "no credits are sold: STRIPE_SECRET_KEY is not set")]
    found = _mode(known)
    try:
        endpoints = await webhook_endpoints()
    except (PaymentUnavailable, NotFound) as error:
        return [*found, _refused(known, error)]
    found.append(ok("stripe", "it takes the key"))
    found += _endpoint(known, endpoints)
    try:
        missed = await undelivered_since(now() - timedelta(days=limits.RECONCILE_DAYS))
    except (PaymentUnavailable, NotFound):
        return [*found, note("stripe", "its events cannot be listed with this key", "Allow the key to read events.")]
    if missed:
        words = f"{missed} events of the last {limits.RECONCILE_DAYS} days were not delivered"
        found.append(note("stripe", words, "Stripe sends them again, and the reconciler heals what they tell."))
    return found


def _mode(known: Settings) -> list[Finding]:
    if known.sandbox_on:
        return [note("stripe", "play money: the sandbox stands in", "Set STRIPE_SECRET_KEY to sell credits.")]
    key = known.stripe()[0]
    live = key.startswith(("sk_live_", "rk_live_"))
    if not live and not key.startswith(("sk_test_", "rk_test_")):
        words = "STRIPE_SECRET_KEY is no secret key: those begin with sk_live_, rk_live_, sk_test_ or rk_test_"
        return [failed("stripe", words, "Copy it from Stripe's dashboard, Developers, API keys.")]
    found = [ok("stripe", f"{'live' if live else 'test'} mode")]
    published = known.stripe_publishable_key
    if published and published.startswith("pk_live_") != live:
        words = "STRIPE_PUBLISHABLE_KEY is of the other mode"
        found.append(failed("stripe", words, "Take both keys from the same mode of the dashboard."))
    if not live:
        words = "with a test key anybody pays with a test card and spends the model providers' real tokens"
        found.append(note("stripe", words, "Set a live key before people come; keep test servers to yourself."))
    if any(not secret.startswith("whsec_") for secret in known.stripe()[2]):
        words = "STRIPE_WEBHOOK_SECRET is no signing secret: those begin with whsec_"
        found.append(failed("stripe", words, _DASHBOARD + "open the endpoint and reveal its signing secret."))
    return found


def _refused(known: Settings, error: LoomError) -> Finding:
    status = error.data.get("status")
    if status == 401:
        return failed("stripe", "it does not take the key", "Copy STRIPE_SECRET_KEY anew; it may have been rolled.")
    if status == 403:
        words = "the key may not read webhook endpoints"
        return failed("stripe", words, "Use the secret key, or allow the restricted one to read them.")
    reached = known.stripe()[1] or "Stripe"
    where = _SANDBOX if known.sandbox_on else "Is it reachable from here?"
    return failed("stripe", f"{reached} did not answer ({error.data.get('kind') or error.code})", where)


def _endpoint(known: Settings, endpoints: list[WebhookEndpoint]) -> list[Finding]:
    # A server that runs in development is reached by the sandbox at another port.
    wanted = {f"{known.public_url}{WEBHOOK_PATH}", f"{known.backend_url}{WEBHOOK_PATH}"}
    ours = [endpoint for endpoint in endpoints if endpoint.url in wanted]
    add = f"{_DASHBOARD}add {known.public_url}{WEBHOOK_PATH} with the events that the README lists."
    if not ours:
        others = ", ".join(endpoint.url for endpoint in endpoints) or "none at all"
        words = f"no endpoint is {known.public_url}{WEBHOOK_PATH}; Stripe has {others}"
        return [failed("webhook", words, add)]
    enabled = [endpoint for endpoint in ours if endpoint.enabled]
    if not enabled:
        return [failed("webhook", "its endpoint is disabled", _DASHBOARD + "enable it.")]
    missing = min((_missing(endpoint) for endpoint in enabled), key=len)
    if missing:
        words = f"its endpoint is not sent {', '.join(sorted(missing))}"
        return [failed("webhook", words, _DASHBOARD + "add these events to the endpoint.")]
    found = [ok("webhook", f"{enabled[0].url} is sent every event that is needed")]
    if len(enabled) > 1:
        words = f"{len(enabled)} endpoints have the same address, so each event comes as often"
        found.append(note("webhook", words, "It harms nothing. " + _DASHBOARD + "keep the one whose secret is set."))
    return found


def _missing(endpoint: WebhookEndpoint) -> frozenset[str]:
    return frozenset() if "*" in endpoint.events else NEEDED_EVENTS - endpoint.events


def check_provider(name: ProviderName) -> Check:
    """A check of the operator's key at a provider, by listing its models."""

    async def check() -> list[Finding]:
        known, setting = settings(), f"{name.upper()}_API_KEY"
        key, base = known.operator_key(name), known.provider_base(name)
        if key is None:
            return [unused(name, f"{setting} is not set: its models are there with people's own keys only")]
        try:
            await check_key(name, key, base)
        except ProviderError as error:
            kind = str(error.data.get("kind") or error.code)
            if kind == "unauthorized":
                return [failed(name, "it does not take the key", f"Make a new key at the provider and set {setting}.")]
            mend = _SANDBOX if known.sandbox_on else "See its status page; is it reachable from here?"
            return [failed(name, f"{base or 'it'} did not answer as it should ({kind})", mend)]
        return [ok(name, f"{base or 'it'} takes the key")]

    return check


async def check_mail() -> list[Finding]:
    """The mail server, up to the point at which a mail would be handed over."""
    known = settings()
    if known.smtp_host is None:
        told = "the sandbox's mailbox takes mails" if known.sandbox_on else "SMTP_HOST is not set: nobody gets a mail"
        return [unused("mail", told)]
    try:
        await asyncio.to_thread(_knock)
    except smtplib.SMTPAuthenticationError:
        return [failed("mail", "it does not take name and password", "Correct SMTP_USERNAME and SMTP_PASSWORD.")]
    except smtplib.SMTPSenderRefused:
        words = f"it takes no mail from {known.smtp_from}"
        return [failed("mail", words, "Set SMTP_FROM to an address that it sends for.")]
    except smtplib.SMTPNotSupportedError:
        words = "it does not speak what is configured"
        return [failed("mail", words, "SMTP_STARTTLS=off where it has no TLS; unset the name where it asks for none.")]
    except (OSError, smtplib.SMTPException) as error:
        words = f"{known.smtp_host}, port {known.smtp_port}, does not answer as it should ({type(error).__name__})"
        mend = "Correct SMTP_HOST and SMTP_PORT: 465 speaks TLS from the start, 587 STARTTLS."
        return [failed("mail", words, mend)]
    return [ok("mail", f"{known.smtp_host} takes mails from {known.smtp_from}")]


def _knock() -> None:
    with open_server() as server:
        code, words = server.mail(settings().smtp_from or "")
        server.rset()
    if code != 250:
        raise smtplib.SMTPSenderRefused(code, words, settings().smtp_from or "")


async def check_alert_webhook() -> list[Finding]:
    """Whether something listens at the webhook for alerts. It is not called: it would tell somebody."""
    address = settings().alert_webhook_url
    if address is None:
        return [unused("alert webhook", "ALERT_WEBHOOK_URL is not set")]
    parts = urlsplit(address)
    tls = parts.scheme == "https"
    try:
        async with asyncio.timeout(limits.DOCTOR_HTTP_SECONDS):
            opening = asyncio.open_connection(parts.hostname, parts.port or (443 if tls else 80), ssl=tls or None)
            _, writer = await opening
    except (OSError, TimeoutError) as error:
        words = f"{parts.hostname} does not answer ({type(error).__name__})"
        return [failed("alert webhook", words, "Correct ALERT_WEBHOOK_URL, or start what listens there.")]
    writer.close()
    return [ok("alert webhook", f"{parts.hostname} listens")]


async def check_redis() -> list[Finding]:
    """Redis, and whether it would throw away what servers share."""
    address = settings().redis_url
    if not address:
        return [unused("redis", "REDIS_URL is not set: one server process, whose pages start anew when it does")]
    wait = limits.DOCTOR_HTTP_SECONDS
    client = redis.Redis.from_url(  # pyright: ignore[reportUnknownMemberType] - its options are untyped
        address, socket_timeout=wait, socket_connect_timeout=wait
    )
    try:
        async with client:
            facts = await cast("Awaitable[dict[str, Any]]", client.info("memory"))  # pyright: ignore[reportUnknownMemberType]
    except RedisError as error:
        words = f"it does not answer ({type(error).__name__})"
        return [failed("redis", words, "Does it run, and is REDIS_URL right, password and all?")]
    policy = str(facts.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        words = f"its maxmemory-policy is {policy}: pages that are open may lose what they show"
        return [note("redis", words, "Set maxmemory-policy noeviction, and give it enough memory.")]
    return [ok("redis", "it answers, and keeps what it is given")]
