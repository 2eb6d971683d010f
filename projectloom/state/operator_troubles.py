"""The operator's page of what waits for somebody, each with one press that tries it again."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import reflex as rx

from projectloom import routes
from projectloom.db import in_thread
from projectloom.errors import LoomError, NotFound
from projectloom.money import usd_string
from projectloom.operating.troubles import (
    Trouble,
    Troubles,
    read_troubles,
    retry_event,
    retry_order,
    retry_refund,
    retry_turn,
)
from projectloom.state.session import handled, operating
from projectloom.state.words import day_and_time
from projectloom.workspace.identity import Person


async def _turn(operator: Person, turn_id: str) -> str:
    return await in_thread(retry_turn, operator, turn_id)


async def _event(operator: Person, event_id: str) -> str:
    return await in_thread(retry_event, operator, event_id)


# By the name of the kind, as the page sends it.
_RETRIES: dict[str, Callable[[Person, str], Awaitable[str]]] = {
    "orders": retry_order,
    "refunds": retry_refund,
    "turns": _turn,
    "events": _event,
}
_TITLES = {
    "orders": ("Orders set aside", "What Stripe reported differs from the order, so nothing was credited."),
    "refunds": ("Refunds not made yet", "The credit is out of reach until Stripe has made the refund."),
    "turns": ("Replies without a process", "The server settles these by itself within seconds; these it could not."),
    "events": (
        "Events of Stripe's that failed",
        "Each is kept. Those that may yet succeed are tried again by themselves.",
    ),
}


@dataclass(frozen=True)
class TroubleRow:
    """One thing that waits."""

    key: str = ""
    what: str = ""
    why: str = ""
    since: str = ""
    amount: str = ""
    person: str = ""
    href: str = ""


@dataclass(frozen=True)
class TroubleKind:
    """All of one kind."""

    key: str = ""
    title: str = ""
    about: str = ""
    rows: list[TroubleRow] = field(default_factory=list)


class OperatorTroublesState(rx.State):
    """What waits. ``busy`` is the id of what is being tried; ``said`` is what came of the last try."""

    loaded: bool = False
    kinds: list[TroubleKind] = []
    count: int = 0
    busy: str = ""
    said: str = ""

    @handled
    async def load(self):
        """Read what waits."""
        await operating(self)
        self.busy, self.said = "", ""
        await self._read()

    @handled
    async def retry(self, kind: str, row_id: str):
        """Try one again and say what came of it."""
        operator = await operating(self)
        if kind not in _RETRIES:
            raise NotFound
        self.busy, self.said = row_id, ""
        yield
        try:
            self.said = f"{row_id}: {await _RETRIES[kind](operator, row_id)}"
        except LoomError as error:
            self.said = f"{row_id}: {error.message}"
        self.busy = ""
        await self._read()

    async def _read(self) -> None:
        found = await in_thread(read_troubles)
        self.kinds, self.count, self.loaded = _kinds(found), found.count, True


def _kinds(found: Troubles) -> list[TroubleKind]:
    return [
        TroubleKind(name, *_TITLES[name], [_row(one) for one in getattr(found, name)])
        for name in _RETRIES
        if getattr(found, name)
    ]


def _row(one: Trouble) -> TroubleRow:
    return TroubleRow(
        key=one.id,
        what=one.what.replace("_", " "),
        why=one.why,
        since=day_and_time(one.since),
        amount="" if one.amount_nanos is None else f"${usd_string(one.amount_nanos)}",
        person=one.person or "",
        href=routes.operator_person(one.user_id) if one.user_id else "",
    )
