"""The periodic jobs, in one table: what runs, how often, and whether one server does it for all.

Nothing that goes wrong ends a job: it is logged and tried again the next time.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from projectloom import limits
from projectloom.assistants.agent import agents
from projectloom.assistants.agent_runs import recover_runs
from projectloom.assistants.titles import name_conversations
from projectloom.billing.auto_top_up import run_auto_top_ups
from projectloom.billing.cards import collect_due_cards
from projectloom.billing.expiry import expire_credit
from projectloom.billing.inbox import retry_events
from projectloom.billing.leases import take_lease
from projectloom.billing.mailer import send_due_mails
from projectloom.billing.notices import announce_expiry
from projectloom.billing.reconcile import reconcile
from projectloom.clock import now
from projectloom.config import settings
from projectloom.db import in_meter_thread, in_thread
from projectloom.errors import LoomError
from projectloom.metering.recovery import recover_turns
from projectloom.metering.running import runner
from projectloom.workspace.identity import forget_expired

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """One periodic job."""

    name: str
    seconds: float
    """The pause after each run."""
    run: Callable[[], Awaitable[object]]
    leased: bool = False
    """Whether one server does it for all."""


async def _recover() -> None:
    await in_meter_thread(recover_turns, runner.living())


async def _recover_agents() -> None:
    await in_meter_thread(recover_runs, agents.living())


async def _retry_events() -> None:
    await in_thread(retry_events)


async def _expire() -> None:
    await in_thread(expire_credit)


async def _reconcile() -> None:
    if settings().sells_credits:
        await reconcile(now() - timedelta(seconds=limits.RECONCILE_WINDOW_SECONDS))


async def _reconcile_widely() -> None:
    if settings().sells_credits:
        await reconcile(now() - timedelta(days=limits.RECONCILE_DAYS))


async def _auto_top_up() -> None:
    if settings().sells_credits:
        await collect_due_cards()
        await run_auto_top_ups()


async def _name_conversations() -> None:
    if settings().automatic_titles:
        await name_conversations()


async def _send_mails() -> None:
    # A mail server may be slow: no thread that a door needs waits for it.
    await asyncio.to_thread(send_due_mails)


async def _announce_expiry() -> None:
    await in_thread(announce_expiry)


async def _forget_sessions() -> None:
    await in_thread(forget_expired)


JOBS = (
    Job("recover turns", limits.RECOVERY_INTERVAL_SECONDS, _recover),
    Job("recover agents", limits.RECOVERY_INTERVAL_SECONDS, _recover_agents),
    Job("retry events", limits.RETRY_EVENTS_SECONDS, _retry_events),
    Job("expire credit", limits.EXPIRE_SECONDS, _expire, leased=True),
    Job("send mails", limits.SEND_MAILS_SECONDS, _send_mails, leased=True),
    Job("auto top-up", limits.AUTO_TOP_UP_SECONDS, _auto_top_up, leased=True),
    Job("name conversations", limits.TITLE_SECONDS, _name_conversations, leased=True),
    Job("announce expiry", limits.ANNOUNCE_EXPIRY_SECONDS, _announce_expiry, leased=True),
    Job("reconcile", limits.RECONCILE_SECONDS, _reconcile, leased=True),
    Job("forget sessions", limits.FORGET_SESSIONS_SECONDS, _forget_sessions, leased=True),
    Job("reconcile widely", limits.RECONCILE_WIDELY_SECONDS, _reconcile_widely, leased=True),
)


async def keep_running(job: Job) -> None:
    """Run a job at once and then again after each pause, until cancelled."""
    while True:
        try:
            if not job.leased or await in_thread(take_lease, job.name, job.seconds):
                await job.run()
        except LoomError as error:
            _log.warning("job waits: %s", job.name, extra={"code": error.code})
        except Exception:  # noqa: BLE001 - logged; nothing may end a job
            _log.exception("job failed and will be tried again: %s", job.name)
        await asyncio.sleep(job.seconds)
