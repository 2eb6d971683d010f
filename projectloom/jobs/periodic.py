"""The periodic jobs, in one table: what runs, how often, and whether one server does it for all.

Nothing that goes wrong ends a job: it is logged and tried again the next time.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from projectloom import limits
from projectloom.assistants.agent import agents
from projectloom.assistants.agent_runs import recover_runs
from projectloom.assistants.titles import name_conversations
from projectloom.belongings.clerk_inbox import retry_clerk_events
from projectloom.belongings.purging import purge_trash
from projectloom.billing.auto_top_up import run_auto_top_ups
from projectloom.billing.cards import collect_due_cards
from projectloom.billing.expiry import expire_credit
from projectloom.billing.inbox import retry_events
from projectloom.billing.leases import note_run, take_lease
from projectloom.billing.mailer import send_due_mails
from projectloom.billing.notices import announce_expiry
from projectloom.billing.reconcile import reconcile
from projectloom.clock import now
from projectloom.config import settings
from projectloom.db import in_meter_thread, in_thread, in_watch_thread
from projectloom.errors import DatabaseUnavailable, LoomError
from projectloom.instruments import JOB_RUNS, JOB_SUCCESS
from projectloom.jobs.day_ceiling import look_at_day_ceiling
from projectloom.metering.patience import patience, recover_patiently
from projectloom.metering.recovery import recover_turns
from projectloom.metering.running import runner
from projectloom.operating.figures import Counting, count_debt, count_losses
from projectloom.operating.full_audits import prove_in_full
from projectloom.operating.readiness import readiness
from projectloom.operating.watch import SelfWatch, watch_all
from projectloom.workspace.attachments import forget_unsent
from projectloom.workspace.identity import forget_expired

_log = logging.getLogger(__name__)
_own_watch = SelfWatch()


@dataclass(frozen=True, slots=True)
class Job:
    """One periodic job."""

    name: str
    seconds: float
    """The pause after each run."""
    run: Callable[[], Awaitable[int | None]]
    """What it found, where it counts something."""
    leased: bool = False
    """Whether one server does it for all."""


async def _recover() -> None:
    await _patiently(partial(recover_turns, runner.living()))


async def _recover_agents() -> None:
    await _patiently(partial(recover_runs, agents.living()))


async def _patiently(recover: Callable[[], int]) -> None:
    try:
        await in_meter_thread(recover_patiently, recover)
    except DatabaseUnavailable:
        patience.note_trouble()
        raise


async def _retry_events() -> None:
    await in_thread(retry_events)


async def _retry_clerk_events() -> None:
    if settings().clerk is not None:
        await retry_clerk_events()


async def _expire() -> None:
    await in_thread(expire_credit)


async def _reconcile() -> int:
    return await _problems_since(timedelta(seconds=limits.RECONCILE_WINDOW_SECONDS))


async def _reconcile_widely() -> int:
    return await _problems_since(timedelta(days=limits.RECONCILE_DAYS))


async def _problems_since(window: timedelta) -> int:
    return len((await reconcile(now() - window)).problems) if settings().sells_credits else 0


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


async def _count_debt() -> int:
    return await in_thread(count_debt)


async def _look_at_day_ceiling() -> None:
    await in_thread(look_at_day_ceiling)


async def _count_losses() -> int:
    return await in_thread(count_losses)


async def _watch() -> None:
    await in_watch_thread(watch_all)


async def _watch_itself() -> None:
    await in_watch_thread(_own_watch.look)


async def _forget_sessions() -> None:
    await in_thread(forget_expired)


async def _forget_unsent() -> None:
    await in_thread(forget_unsent)


async def _purge_trash() -> None:
    await in_thread(purge_trash)


JOBS = (
    Job("recover turns", limits.RECOVERY_INTERVAL_SECONDS, _recover),
    Job("recover agents", limits.RECOVERY_INTERVAL_SECONDS, _recover_agents),
    Job("retry events", limits.RETRY_EVENTS_SECONDS, _retry_events),
    Job("retry Clerk's events", limits.RETRY_EVENTS_SECONDS, _retry_clerk_events, leased=True),
    Job("expire credit", limits.EXPIRE_SECONDS, _expire, leased=True),
    Job("send mails", limits.SEND_MAILS_SECONDS, _send_mails, leased=True),
    Job("auto top-up", limits.AUTO_TOP_UP_SECONDS, _auto_top_up, leased=True),
    Job("name conversations", limits.TITLE_SECONDS, _name_conversations, leased=True),
    Job("announce expiry", limits.ANNOUNCE_EXPIRY_SECONDS, _announce_expiry, leased=True),
    Job(Counting.RECONCILE, limits.RECONCILE_SECONDS, _reconcile, leased=True),
    Job(Counting.DEBT, limits.COUNT_SECONDS_SHARED, _count_debt, leased=True),
    Job(Counting.LOSSES, limits.COUNT_SECONDS_SHARED, _count_losses, leased=True),
    Job("watch", limits.WATCH_SECONDS, _watch, leased=True),
    Job("watch itself", limits.SELF_WATCH_SECONDS, _watch_itself),
    Job("look at the day's ceiling", limits.DAY_CEILING_SECONDS, _look_at_day_ceiling, leased=True),
    Job("forget sessions", limits.FORGET_SESSIONS_SECONDS, _forget_sessions, leased=True),
    Job("full audit", limits.FULL_AUDIT_LOOK_SECONDS, prove_in_full),
    Job("forget unsent files", limits.FORGET_UNSENT_SECONDS, _forget_unsent, leased=True),
    Job("empty the trash", limits.PURGE_SECONDS, _purge_trash, leased=True),
    Job(Counting.RECONCILE_WIDELY, limits.RECONCILE_WIDELY_SECONDS, _reconcile_widely, leased=True),
)


async def keep_running(job: Job) -> None:
    """Run a job at once and then again after each pause, until cancelled."""
    noted = _Noted(job)
    while True:
        readiness.beat(job.name)
        try:
            if not job.leased or await in_thread(take_lease, job.name, job.seconds):
                await _run(job, noted)
        except LoomError as error:
            _log.warning("job waits: %s", job.name, extra={"code": error.code})
        except Exception:  # noqa: BLE001 - logged; nothing may end a job
            _log.exception("job failed and will be tried again: %s", job.name)
        await asyncio.sleep(job.seconds)


async def _run(job: Job, noted: "_Noted") -> None:
    try:
        found = await job.run()
    except Exception as error:
        JOB_RUNS.labels(job.name, "failed").inc()
        await noted.note(error.code if isinstance(error, LoomError) else type(error).__name__, None)
        raise
    JOB_RUNS.labels(job.name, "done").inc()
    JOB_SUCCESS.labels(job.name).set_to_current_time()
    await noted.note(None, found)


class _Noted:
    """What of a leased job's runs is written down for all: every failure, and now and then that it goes well."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._well_until = 0.0

    async def note(self, error: str | None, found: int | None) -> None:
        """Write a run down, unless it went as well as one that was just noted."""
        if not self._job.leased or (error is None and found is None and time.monotonic() < self._well_until):
            return
        await in_thread(note_run, self._job.name, error=error, found=found)
        self._well_until = 0.0 if error else time.monotonic() + limits.NOTE_RUNS_SECONDS
