"""The statement page: movements of credit with the balance after it, of the kinds and days that the address names."""

from dataclasses import dataclass
from datetime import date, timedelta

import reflex as rx

from projectloom import limits, routes
from projectloom.billing.orders import Bought, name_orders
from projectloom.billing.statement import ALL, Chosen, Movement, choose, read_statement
from projectloom.clock import now
from projectloom.db import in_thread
from projectloom.errors import InvalidInput
from projectloom.state.movements import MovementRow, aligned, movement_rows
from projectloom.state.session import explain, handled, signed_in
from projectloom.state.words import calendar_day, day_and_time

# The parts of the statement as the address names them, and the kinds of movement in each. All of it has no name.
PARTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("", "All", ()),
    ("purchases", "Purchases", ("top_up",)),
    ("replies", "Replies", ("capture",)),
    ("refunds", "Refunds and disputes", ("reversal", "reinstatement", "freeze")),
    ("given", "Given", ("grant", "revocation")),
    ("other", "Other", ("debt_repayment", "expiry")),
)
_KINDS = {part: kinds for part, _, kinds in PARTS}
_NAMES = {part: name for part, name, _ in PARTS}

# The spans of time likewise. What is free names its days.
_FREE = "days"
SPANS = {
    "": "All time",
    "this_month": "This month",
    "last_month": "Last month",
    "this_year": "This year",
    _FREE: "Choose days",
}


@dataclass(frozen=True)
class Chip:
    """A part or a span that can be chosen, and its address."""

    name: str = ""
    words: str = ""
    href: str = ""
    current: bool = False


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the address names, as text."""

    part: str = ""
    span: str = ""
    since: str = ""
    until: str = ""

    def chosen(self) -> Chosen:
        return choose(_KINDS[self.part], self.since or None, self.until or None)

    def parts(self) -> list[Chip]:
        days = (self.since, self.until) if self.span == _FREE else ("", "")
        return [
            Chip(part, words, routes.statement(part, self.span, *days), part == self.part) for part, words, _ in PARTS
        ]

    def spans(self) -> list[Chip]:
        # Choosing days begins with those that are shown.
        return [
            Chip(
                span,
                words,
                routes.statement(self.part, span, *((self.since, self.until) if span == _FREE else ("", ""))),
                span == self.span,
            )
            for span, words in SPANS.items()
        ]


class StatementState(rx.State):
    """One part of the person's statement in one span, as far as it was paged through. ``choosing``: days are chosen."""

    loaded: bool = False
    whole: bool = True
    choosing: bool = False
    since: str = ""
    until: str = ""
    parts: list[Chip] = _Asked().parts()
    spans: list[Chip] = _Asked().spans()
    rows: list[MovementRow] = []
    more: bool = False
    busy: bool = False
    csv_path: str = routes.statement_csv()
    heading: str = ""
    _part: str = ""
    _before: int = 0
    _chosen: Chosen = ALL

    @handled
    async def load(self):
        """Read what the address names from its top; a name that is none of ours means all of it."""
        asked = _asked(dict(self.router.url.query_parameters))
        trouble = None
        try:
            self._chosen = asked.chosen()
        except InvalidInput as error:
            trouble, asked = explain(error), _Asked(asked.part, asked.span)
            self._chosen = asked.chosen()
        self._show(asked)
        person = await signed_in(self)
        chosen = f"{_NAMES[asked.part]}{_of_days(self._chosen)}"
        self.heading = f"ProjectLoom statement of {person.email}. {chosen}, {day_and_time(now())}"
        await self._read(person.user_id, None)
        self.loaded = True
        return trouble

    @handled
    async def choose_days(self, entered: dict[str, str]):
        """Go to the days that were entered."""
        since, until = entered.get("since", ""), entered.get("until", "")
        choose((), since or None, until or None)
        return rx.redirect(routes.statement(self._part, _FREE, since, until))

    @handled
    async def show_more(self):
        """Read the next page, older than what is shown."""
        if self.busy or not self.more:
            return
        self.busy = True
        yield
        await self._read((await signed_in(self)).user_id, self._before)
        self.busy = False

    def _show(self, asked: _Asked) -> None:
        self.rows, self.busy, self._part = [], False, asked.part
        self.since, self.until, self.choosing = asked.since, asked.until, asked.span == _FREE
        self.parts, self.spans = asked.parts(), asked.spans()
        self.whole = self._chosen == ALL
        self.csv_path = routes.statement_csv(_KINDS[asked.part], asked.since, asked.until)

    async def _read(self, user_id: str, before: int | None) -> None:
        page, bought = await in_thread(_page, user_id, self._chosen, before)
        self.rows = aligned([*self.rows, *movement_rows(page, bought)])
        self.more = len(page) >= limits.STATEMENT_PAGE
        if page:
            self._before = page[-1].id


def _page(user_id: str, chosen: Chosen, before: int | None) -> tuple[list[Movement], dict[str, Bought]]:
    page = read_statement(user_id, chosen, before=before)
    return page, name_orders(user_id, {movement.order_id for movement in page if movement.order_id})


def _asked(query: dict[str, str]) -> _Asked:
    part, span = query.get("kind", ""), query.get("range", "")
    part, span = part if part in _KINDS else "", span if span in SPANS else ""
    since, until = (query.get("since", ""), query.get("until", "")) if span == _FREE else _days(span, now().date())
    return _Asked(part, span, since, until)


def _days(span: str, today: date) -> tuple[str, str]:
    """The first and the last day of a span that has a name; empty where it is open."""
    first = today.replace(day=1)
    before = first - timedelta(days=1)
    return {
        "this_month": (first.isoformat(), ""),
        "last_month": (before.replace(day=1).isoformat(), before.isoformat()),
        "this_year": (first.replace(month=1).isoformat(), ""),
    }.get(span, ("", ""))


def _of_days(chosen: Chosen) -> str:
    since = f" from {calendar_day(chosen.since)}" if chosen.since else ""
    return since + (f" to {calendar_day(chosen.until)}" if chosen.until else "")
