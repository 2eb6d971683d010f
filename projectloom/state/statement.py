"""The statement page: every movement of credit with the balance after it, in the part that the address names."""

from collections.abc import Sequence

import reflex as rx

from projectloom import limits, routes
from projectloom.billing.orders import list_orders
from projectloom.billing.statement import Movement, read_statement
from projectloom.clock import now
from projectloom.db import in_thread
from projectloom.state.movements import MovementRow, aligned, movement_rows
from projectloom.state.session import handled, signed_in
from projectloom.state.words import day_and_time

# The parts of the statement as the address names them, and the kinds of movement in each. All of it has no name.
PARTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("", "All", ()),
    ("purchases", "Purchases", ("top_up",)),
    ("replies", "Replies", ("capture",)),
    ("refunds", "Refunds and disputes", ("reversal", "reinstatement", "freeze")),
    ("given", "Given", ("grant",)),
    ("other", "Other", ("debt_repayment", "expiry")),
)
_KINDS = {part: kinds for part, _, kinds in PARTS}
_NAMES = {part: name for part, name, _ in PARTS}


class StatementState(rx.State):
    """One part of the person's statement, as far as it was paged through."""

    loaded: bool = False
    part: str = ""
    rows: list[MovementRow] = []
    more: bool = False
    busy: bool = False
    csv_path: str = routes.statement_csv()
    csv_whole: bool = True
    heading: str = ""
    _before: int = 0

    @handled
    async def load(self):
        """Read the part that the address names from its top; a name that is none of ours means all of it."""
        wanted = self.router.url.query_parameters.get("kind", "")
        self.part = wanted if wanted in _KINDS else ""
        kinds = _KINDS[self.part]
        # The file is of one kind or of all: what mixes kinds offers all of it, and says so.
        self.csv_path = routes.statement_csv(kinds[0] if len(kinds) == 1 else "")
        self.csv_whole = len(kinds) <= 1
        self.rows, self.busy = [], False
        person = await signed_in(self)
        self.heading = f"{person.email}. {_NAMES[self.part]}, {day_and_time(now())}"
        await self._read(person.user_id, None)
        self.loaded = True

    @handled
    async def show_more(self):
        """Read the next page, older than what is shown."""
        if self.busy or not self.more:
            return
        self.busy = True
        yield
        await self._read((await signed_in(self)).user_id, self._before)
        self.busy = False

    async def _read(self, user_id: str, before: int | None) -> None:
        page = await in_thread(_page, user_id, before, _KINDS[self.part])
        orders = await in_thread(list_orders, user_id)
        self.rows = aligned([*self.rows, *movement_rows(page, orders)])
        self.more = len(page) >= limits.STATEMENT_PAGE
        if page:
            self._before = page[-1].id


def _page(user_id: str, before: int | None, kinds: Sequence[str]) -> list[Movement]:
    """One page of a part: of each of its kinds as much as could be needed, the latest of all those first."""
    if not kinds:
        return read_statement(user_id, before=before)
    found = [movement for kind in kinds for movement in read_statement(user_id, before=before, kind=kind)]
    return sorted(found, key=lambda movement: movement.id, reverse=True)[: limits.STATEMENT_PAGE]
