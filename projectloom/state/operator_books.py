"""The books page: every promise, green or red, proven as the page opens, and a full audit with its progress."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

import reflex as rx

from projectloom import limits
from projectloom.db import in_thread
from projectloom.operating.books import BooksView, FullAuditView, Promise, prove_books, read_books
from projectloom.operating.full_audits import ask_full_audit
from projectloom.state.session import explaining, handled, operating
from projectloom.state.words import count_of, day_and_time


@dataclass(frozen=True)
class PromiseRow:
    """One invariant, all text. ``tone`` is ``good``, ``bad`` or nothing before the first audit."""

    key: str = ""
    tone: str = ""
    proven: str = ""
    in_full: str = ""
    offenders: str = ""


@dataclass(frozen=True)
class RoomRows:
    """The promises about one part of the house."""

    key: str = ""
    rows: list[PromiseRow] = field(default_factory=list)


class OperatorBooksState(rx.State):
    """How every promise stands. ``full``: how the last full audit went; while one is under way ``done`` rises."""

    loaded: bool = False
    busy: bool = False
    tone: str = ""
    verdict: str = ""
    rooms: list[RoomRows] = []
    under_way: bool = False
    done: int = 0
    total: int = 1
    full: str = ""

    @handled
    async def load(self):
        """Show how every promise stood at the last audit, then prove what was touched since."""
        await operating(self)
        self.busy = True
        self._show(await in_thread(read_books))
        yield
        try:
            self._show(await in_thread(prove_books))
        finally:
            self.busy = False

    @handled
    async def prove(self):
        """Prove what was touched since the last audit that held."""
        await operating(self)
        if self.busy:
            return
        self.busy = True
        yield
        try:
            self._show(await in_thread(prove_books))
        finally:
            self.busy = False

    @handled
    async def ask_full(self):
        """Ask for a full audit and follow it."""
        begun = await in_thread(ask_full_audit, await operating(self))
        self._show(await in_thread(read_books))
        said = "The full audit begins." if begun else "A full audit is under way already."
        return [rx.toast.info(said), OperatorBooksState.follow]

    @rx.event(background=True)
    @explaining
    async def follow(self):
        """While a full audit is under way, show how far it came."""
        while True:
            async with self:
                await operating(self)
                self._show(await in_thread(read_books))
                if not self.under_way:
                    return
            await asyncio.sleep(limits.FULL_AUDIT_SHOWN_SECONDS)

    def _show(self, found: BooksView) -> None:
        self.tone, self.verdict = _verdict(found)
        self.rooms = [RoomRows(room.name, [_row(promise) for promise in room.promises]) for room in found.rooms]
        full = found.full_audit
        self.under_way = full is not None and full.under_way
        self.done, self.total = (full.done, full.total) if full else (0, 1)
        self.full = _full(full) if full else ""
        self.loaded = True


def _verdict(found: BooksView) -> tuple[str, str]:
    promises = found.promises
    if any(promise.holds is None for promise in promises):
        return "", "Not every promise has been looked at yet."
    if found.broken:
        return "bad", f"{count_of(found.broken, 'promise is', 'promises are')} broken. Somebody must look."
    return "good", f"All {len(promises)} promises hold."


def _row(promise: Promise) -> PromiseRow:
    tone = "" if promise.holds is None else "good" if promise.holds else "bad"
    looked = f"{_rows(promise.examined)} looked at {_time(promise.looked_at)}. "
    proven = f"{_rows(promise.examined)}, proven {_time(promise.proven_at)}"
    broken = f"{looked}Last proven {_time(promise.proven_at)}" if promise.proven_at else f"{looked}Never proven"
    in_full = (
        promise.full_proven_at and f"In full: {_rows(promise.full_examined or 0)}, {_time(promise.full_proven_at)}"
    )
    return PromiseRow(
        key=promise.name,
        tone=tone,
        proven={"good": proven, "bad": broken}.get(tone, "Not looked at yet"),
        in_full=in_full or "Never proven in full",
        offenders=", ".join(promise.offenders),
    )


def _rows(count: int) -> str:
    return count_of(count, "row", "rows")


def _time(moment: datetime | None) -> str:
    return day_and_time(moment) if moment else "never"


def _full(full: FullAuditView) -> str:
    asked = f"asked for by {full.asked_by}"
    if full.under_way:
        return f"{full.done} of {full.total} promises read, {asked}."
    ended = _time(full.ended_at)
    if full.broken is None:
        return f"The full audit of {ended}, {asked}, could not be finished. The server's log says why."
    found = (
        "every promise held" if not full.broken else count_of(full.broken, "promise was broken", "promises were broken")
    )
    return f"Last full audit: {ended}, {asked}; {found}."
