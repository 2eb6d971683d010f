"""Asking a provider whether it takes a key, by listing its models: a call that costs nothing, within a named time."""

import asyncio

import openai

from projectloom import limits
from projectloom.providers.anthropic import BASE_URL as ANTHROPIC_URL
from projectloom.providers.base import ProviderName
from projectloom.providers.connections import http_client, timeouts
from projectloom.providers.failures import from_exception, outside_errors, require_sendable_key
from projectloom.providers.openai import BASE_URL as OPENAI_URL
from projectloom.providers.sdks import load_anthropic


async def check_key(provider: ProviderName, api_key: str, base_url: str | None) -> None:
    """Return when the provider takes the key.

    Raises ProviderError of the kind ``unauthorized`` when it does not, and of another where it did not tell.
    """
    require_sendable_key(provider, api_key)
    failed = None
    if provider == "anthropic":
        await load_anthropic()
    try:
        async with asyncio.timeout(limits.KEY_CHECK_SECONDS):
            await (_ask_anthropic if provider == "anthropic" else _ask_openai)(api_key, base_url)
    except outside_errors() as error:
        failed = from_exception(provider, error, mid_stream=False)
    if failed is not None:
        raise failed


async def _ask_anthropic(api_key: str, base_url: str | None) -> None:
    import anthropic  # noqa: PLC0415 - loaded before

    address = base_url or ANTHROPIC_URL
    client = anthropic.AsyncAnthropic(
        api_key=api_key,
        base_url=address,
        timeout=timeouts(),
        max_retries=0,
        open_telemetry=False,
        http_client=http_client("anthropic", address),
    )
    await client.models.list(limit=1)


async def _ask_openai(api_key: str, base_url: str | None) -> None:
    address = base_url or OPENAI_URL
    client = openai.AsyncOpenAI(
        api_key=api_key, base_url=address, timeout=timeouts(), max_retries=0, http_client=http_client("openai", address)
    )
    # The SDK would add the operator's organization from the environment, also to other people's keys.
    await client.models.list(extra_headers={"OpenAI-Organization": openai.omit, "OpenAI-Project": openai.omit})
