"""The server without its pages: HTTP routes, the sandbox where nothing real is configured, and what runs beside them.

The composition root puts the pages on top; tests of the HTTP doors serve it as it is.
"""

import asyncio
import gc
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from projectloom.api.app import create_api
from projectloom.assistants.agent import agents
from projectloom.billing.mailer import warn_unless_sending
from projectloom.billing.origin import stamp_books
from projectloom.config import SANDBOX_PREFIX, settings
from projectloom.db import engine, in_thread
from projectloom.group_commit import close_committers
from projectloom.jobs.periodic import JOBS, keep_running
from projectloom.jobs.prices import look_at_prices
from projectloom.jobs.schema import bring_up_to_date
from projectloom.jobs.take_over import take_over
from projectloom.metering.running import runner
from projectloom.operating.readiness import readiness
from projectloom.payments import load_stripe
from projectloom.providers import close_providers, close_wires
from projectloom.rates import close_gates
from projectloom.stopping import on_stop_signal


class Service:
    """The HTTP application and its life."""

    def __init__(self) -> None:
        self.app: FastAPI = create_api()
        self._sandbox: FastAPI | None = None
        if settings().sandbox_on:
            # Loaded where it is used only, as with what else a server may do without.
            from projectloom.sandbox.app import create_sandbox  # noqa: PLC0415

            self._sandbox = create_sandbox(settings())
            self.app.mount(SANDBOX_PREFIX, self._sandbox)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """From a current schema and a price card to the settlement of every reply that is still being written."""
        await in_thread(bring_up_to_date)
        await in_thread(stamp_books)
        await in_thread(look_at_prices)
        await in_thread(take_over)
        warn_unless_sending()
        if settings().stripe()[0]:
            await load_stripe()
        if self._sandbox is not None:
            from projectloom.sandbox.app import start_deliveries  # noqa: PLC0415 - see above

            await start_deliveries(self._sandbox)
        closing: list[asyncio.Task[None]] = []
        grace = float(settings().stop_grace_seconds)

        def stop() -> None:
            readiness.stopping = runner.stopping = True
            closing.extend(asyncio.create_task(ending.drain(grace)) for ending in (agents, runner))

        on_stop_signal(stop)
        jobs = [asyncio.create_task(keep_running(job), name=job.name) for job in JOBS]
        readiness.begin(jobs)
        runner.stopping = False
        # What is there by now stays: looking through it again and again would stop every reply for a tenth of a second.
        gc.collect()
        gc.freeze()
        try:
            yield
        finally:
            readiness.stopping = runner.stopping = True
            for job in jobs:
                job.cancel()
            await asyncio.gather(agents.drain(grace), runner.drain(grace), *closing)
            if self._sandbox is not None:
                from projectloom.sandbox.app import stop_deliveries  # noqa: PLC0415 - see above

                await stop_deliveries(self._sandbox)
            await close_committers()
            await close_providers()
            await close_wires()
            await close_gates()
            # SQLite then writes its log back into the file, which is what people copy.
            await in_thread(engine().dispose)
