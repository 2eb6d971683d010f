"""The periodic job that resolves turns whose process is gone."""

import asyncio
import logging

from projectloom import config
from projectloom.db import in_meter_thread
from projectloom.errors import DatabaseUnavailable
from projectloom.metering.recovery import recover_turns
from projectloom.metering.running import runner

_log = logging.getLogger(__name__)


async def keep_recovering() -> None:
    """Recover at once and then every few seconds, until cancelled. Nothing that goes wrong ends it."""
    while True:
        try:
            await in_meter_thread(recover_turns, runner.living())
        except DatabaseUnavailable:
            _log.warning("recovery waits for the database")
        except Exception:  # noqa: BLE001 - logged; nothing may end this loop
            _log.exception("recovery failed and will be tried again")
        await asyncio.sleep(config.RECOVERY_INTERVAL_SECONDS)
