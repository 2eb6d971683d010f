"""The periodic job that resolves turns whose process is gone."""

import asyncio
import logging

from projectloom import config
from projectloom.db import in_thread
from projectloom.errors import DatabaseUnavailable
from projectloom.metering.recovery import recover_turns

_log = logging.getLogger(__name__)


async def keep_recovering() -> None:
    """Recover at once and then every few seconds, until cancelled."""
    while True:
        try:
            await in_thread(recover_turns)
        except DatabaseUnavailable:
            _log.warning("recovery waits for the database")
        await asyncio.sleep(config.RECOVERY_INTERVAL_SECONDS)
