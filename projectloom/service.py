"""The server without its pages: HTTP routes, the sandbox where nothing real is configured, and what runs beside them.

The composition root puts the pages on top; tests of the HTTP doors serve it as it is.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from projectloom.api.app import create_api
from projectloom.assistants.agent import agents
from projectloom.billing.mailer import warn_unless_sending
from projectloom.billing.origin import stamp_books
from projectloom.config import SANDBOX_PREFIX, settings
from projectloom.db import engine, in_thread
from projectloom.jobs.periodic import JOBS, keep_running
from projectloom.jobs.prices import look_at_prices
from projectloom.jobs.schema import migrate
from projectloom.metering.running import runner
from projectloom.providers import close_providers
from projectloom.sandbox.app import create_sandbox, start_deliveries, stop_deliveries
from projectloom.stopping import on_stop_signal


class Service:
    """The HTTP application and its life."""

    def __init__(self) -> None:
        self._sandbox = create_sandbox(settings()) if settings().sandbox_on else None
        self.app: FastAPI = create_api()
        if self._sandbox is not None:
            self.app.mount(SANDBOX_PREFIX, self._sandbox)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """From a current schema and a price card to the settlement of every reply that is still being written."""
        await in_thread(migrate)
        await in_thread(stamp_books)
        await in_thread(look_at_prices)
        warn_unless_sending()
        if self._sandbox is not None:
            await start_deliveries(self._sandbox)
        closing: list[asyncio.Task[None]] = []
        on_stop_signal(lambda: closing.extend(asyncio.create_task(ending.drain()) for ending in (agents, runner)))
        jobs = [asyncio.create_task(keep_running(job), name=job.name) for job in JOBS]
        try:
            yield
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(agents.drain(), runner.drain(), *closing)
            if self._sandbox is not None:
                await stop_deliveries(self._sandbox)
            await close_providers()
            # SQLite then writes its log back into the file, which is what people copy.
            await in_thread(engine().dispose)
