"""What ``python -m projectloom doctor`` does: every check, and its answer as text or as JSON."""

import asyncio

from projectloom.config import ConfigurationError, settings
from projectloom.operating.doctor import Check, Finding, as_json, as_text, examine, healthy
from projectloom.operating.doctor_clerk import check_clerk
from projectloom.operating.doctor_house import (
    check_address,
    check_clock,
    check_configuration,
    check_database,
    check_disk,
    check_jobs,
    refused_configuration,
)
from projectloom.operating.doctor_outside import (
    check_alert_webhook,
    check_mail,
    check_provider,
    check_redis,
    check_stripe,
)
from projectloom.providers import close_providers

CHECKS: tuple[tuple[str, Check], ...] = (
    ("configuration", check_configuration),
    ("address", check_address),
    ("disk", check_disk),
    ("database", check_database),
    ("jobs", check_jobs),
    ("clock", check_clock),
    ("stripe", check_stripe),
    ("anthropic", check_provider("anthropic")),
    ("openai", check_provider("openai")),
    ("clerk", check_clerk),
    ("mail", check_mail),
    ("alert webhook", check_alert_webhook),
    ("redis", check_redis),
)


def doctor(*, as_program: bool) -> tuple[str, bool]:
    """What the doctor says, as JSON for a program or as text, and whether nothing has failed."""
    try:
        settings()
    except ConfigurationError as refusal:
        findings = refused_configuration(str(refusal))
    else:
        findings = asyncio.run(_examine())
    return (as_json if as_program else as_text)(findings), healthy(findings)


async def _examine() -> list[Finding]:
    try:
        return await examine(CHECKS)
    finally:
        await close_providers()
