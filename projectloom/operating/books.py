"""The books page: every promise, green or red, with its count, the time it was last proven, and what breaks it."""

import threading
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select

from projectloom.accounts.models import User
from projectloom.db import reading
from projectloom.operating.actions import name_of
from projectloom.operating.audit import ROOMS, audit
from projectloom.operating.models import FullAudit, ProofOutcome


@dataclass(frozen=True, slots=True)
class Promise:
    """One invariant as the last audit found it."""

    name: str
    holds: bool | None
    """None before the first audit."""
    examined: int
    """How many rows the last audit looked at: those that were touched since the one before."""
    offenders: tuple[str, ...]
    """The first few ids that break it."""
    looked_at: datetime | None
    proven_at: datetime | None
    """When it was last proven."""
    full_examined: int | None
    """How many rows the last full audit that proved it looked at."""
    full_proven_at: datetime | None


@dataclass(frozen=True, slots=True)
class Room:
    """The promises about one part of the house."""

    name: str
    promises: tuple[Promise, ...]


@dataclass(frozen=True, slots=True)
class FullAuditView:
    """The last full audit that somebody asked for."""

    asked_at: datetime
    asked_by: str
    done: int
    total: int
    under_way: bool
    ended_at: datetime | None
    broken: int | None
    """How many promises it found broken; None while it is under way, or when it could not be finished."""


@dataclass(frozen=True, slots=True)
class BooksView:
    """All of it."""

    rooms: tuple[Room, ...]
    full_audit: FullAuditView | None

    @property
    def promises(self) -> tuple[Promise, ...]:
        """Every promise."""
        return tuple(promise for room in self.rooms for promise in room.promises)

    @property
    def broken(self) -> int:
        """How many promises are broken."""
        return sum(promise.holds is False for promise in self.promises)


def prove_books() -> BooksView:
    """Prove what was touched since the last audit that held, and say how every promise stands.

    Several who ask at once wait for one audit after the other, as each costs a pass over every account.
    """
    with _one_at_a_time:
        audit()
    return read_books()


def read_books() -> BooksView:
    """How every promise stood at the last audit."""
    with reading() as session:
        outcomes = {row.name: row for row in session.exec(select(ProofOutcome)).all()}
        asked = session.exec(select(FullAudit, User).join(User).order_by(col(FullAudit.id).desc()).limit(1)).first()
    rooms = (
        Room(name, tuple(_promise(proof.name, outcomes.get(proof.name)) for proof in proofs)) for name, proofs in ROOMS
    )
    return BooksView(tuple(rooms), _full(*asked) if asked else None)


def _promise(name: str, row: ProofOutcome | None) -> Promise:
    if row is None:
        return Promise(name, None, 0, (), None, None, None, None)
    offenders = tuple(row.offenders.split("\n")) if row.offenders else ()
    return Promise(
        name=name,
        holds=not offenders,
        examined=row.examined,
        offenders=offenders,
        looked_at=row.looked_at,
        proven_at=row.proven_at,
        full_examined=row.full_examined,
        full_proven_at=row.full_proven_at,
    )


def _full(row: FullAudit, asked_by: User) -> FullAuditView:
    return FullAuditView(
        asked_at=row.asked_at,
        asked_by=name_of(asked_by),
        done=row.done,
        total=row.total,
        under_way=row.under_way is not None,
        ended_at=row.ended_at,
        broken=row.broken,
    )


_one_at_a_time = threading.Lock()
