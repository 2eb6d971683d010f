"""What half a configuration lacks, said before a port is opened."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from projectloom import limits
from projectloom.sign_in_settings import instance_host, is_secret_key

if TYPE_CHECKING:
    from projectloom.config import Settings

# Names of fields: with any of these set something real is paid for.
LIVE_KEYS = ("stripe_secret_key", "anthropic_api_key", "openai_api_key")


def halves(given: "Settings") -> Iterator[str]:
    """Every half of a configuration, each as a sentence that names what is missing."""
    if given.sandbox == "on":
        live = [name.upper() for name in LIVE_KEYS if getattr(given, name)]
        if live:
            yield (
                f"The sandbox (LOOM_SANDBOX=on) cannot run together with live keys; {', '.join(live)} is set. "
                "Unset the keys, or set LOOM_SANDBOX=off."
            )
    yield from _half_a_sign_in(given)
    yield from _half_a_shop(given)
    yield from _half_a_mail_server(given)
    yield from _half_a_sign_up_bonus(given)
    if given.redis_url and not given.secret_key:
        yield "SECRET_KEY is missing: several processes (REDIS_URL is set) must share one."
    if given.secret_key_previous and not given.secret_key:
        yield "SECRET_KEY is missing: SECRET_KEY_PREVIOUS names what it was before."
    if given.secret_key and len(given.secret_key.get_secret_value()) < limits.MIN_SECRET_CHARS:
        yield (
            f"SECRET_KEY is too short: use at least {limits.MIN_SECRET_CHARS} characters, "
            "for example from `openssl rand -hex 32`."
        )

    if given.metrics_token and len(given.metrics_token.get_secret_value()) < limits.MIN_METRICS_TOKEN_CHARS:
        yield f"METRICS_TOKEN is too short: use at least {limits.MIN_METRICS_TOKEN_CHARS} characters."


def _half_a_sign_in(given: "Settings") -> Iterator[str]:
    public, secret = given.clerk_publishable_key, given.clerk_secret_key
    others = ("clerk_webhook_signing_secret", "clerk_jwt_key", "clerk_jwks_url", "clerk_api_url", "clerk_js_url")
    some = next((name.upper() for name in others if getattr(given, name)), "")
    if bool(public) != bool(secret):
        missing = "CLERK_SECRET_KEY" if public else "CLERK_PUBLISHABLE_KEY"
        yield f"{missing} is missing: Clerk needs both its keys. Unset the other one to use local accounts."
    elif some and not public:
        yield f"CLERK_PUBLISHABLE_KEY and CLERK_SECRET_KEY are missing: {some} is set."
    elif public and secret:
        yield from _no_keys_of_clerks(public, secret.get_secret_value())
    if given.confirm_email != "off" and not given.sends_mails and not public:
        yield "SMTP_HOST is missing: people could not confirm their e-mail (CONFIRM_EMAIL is set)."


def _no_keys_of_clerks(public: str, secret: str) -> Iterator[str]:
    try:
        instance_host(public)
    except ValueError as error:
        yield f"CLERK_PUBLISHABLE_KEY {error}."
    if not is_secret_key(secret):
        yield "CLERK_SECRET_KEY is none of Clerk's secret keys, which begin with sk_test_ or sk_live_."
    elif public[3:8] != secret[3:8]:
        yield "CLERK_PUBLISHABLE_KEY and CLERK_SECRET_KEY are not of one instance: one is for tests and one is live."


def _half_a_shop(given: "Settings") -> Iterator[str]:
    if given.stripe_secret_key and not given.stripe_webhook_secret:
        yield "STRIPE_WEBHOOK_SECRET is missing: without it no purchase could be credited."
    if not given.stripe_secret_key and (
        given.stripe_webhook_secret or given.stripe_publishable_key or given.stripe_api_base
    ):
        yield "STRIPE_SECRET_KEY is missing: other Stripe settings are there."
    if given.stripe_secret_key and not (given.anthropic_api_key or given.openai_api_key):
        yield (
            "ANTHROPIC_API_KEY or OPENAI_API_KEY is missing: credits are sold (STRIPE_SECRET_KEY is set), "
            "but there is nothing to spend them on."
        )
    if given.max_purchase_usd < given.min_purchase_usd:
        yield "MAX_PURCHASE_USD is below MIN_PURCHASE_USD: nothing could be bought."


def _half_a_mail_server(given: "Settings") -> Iterator[str]:
    if given.smtp_host and not given.smtp_from:
        yield "SMTP_FROM is missing: mails need a sender (SMTP_HOST is set)."
    if not given.smtp_host and (given.smtp_from or given.smtp_username or given.smtp_password):
        yield "SMTP_HOST is missing: other settings of the mail server are there."
    if given.alert_email and not given.sends_mails:
        yield "SMTP_HOST is missing: alerts could not be sent (ALERT_EMAIL is set)."
    if bool(given.alert_webhook_url) != bool(given.alert_webhook_secret):
        missing = "ALERT_WEBHOOK_SECRET" if given.alert_webhook_url else "ALERT_WEBHOOK_URL"
        yield f"{missing} is missing: the webhook for alerts needs an address and the secret that signs its calls."
    if bool(given.smtp_username) != bool(given.smtp_password):
        missing = "SMTP_PASSWORD" if given.smtp_username else "SMTP_USERNAME"
        yield f"{missing} is missing: a mail server that asks for a name asks for a password too."


def _half_a_sign_up_bonus(given: "Settings") -> Iterator[str]:
    if given.sign_up_bonus_days and "sign_up_bonus_usd" not in given.model_fields_set:
        yield "SIGN_UP_BONUS_USD is missing: SIGN_UP_BONUS_DAYS says how long it lasts."
    if given.sign_up_bonus_usd and not (given.sandbox_on or given.anthropic_api_key or given.openai_api_key):
        yield (
            "ANTHROPIC_API_KEY or OPENAI_API_KEY is missing: new people are given credit (SIGN_UP_BONUS_USD), "
            "but there is nothing to spend it on."
        )
