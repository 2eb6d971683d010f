"""The operator's page of one person: their books, and credit given and taken back."""

from dataclasses import dataclass, field

import reflex as rx

from projectloom import limits
from projectloom.billing.balance import LotView
from projectloom.billing.orders import name_orders
from projectloom.billing.statement import read_statement
from projectloom.db import in_thread
from projectloom.errors import InvalidAmount, LoomError, NotFound
from projectloom.ledger.models import LotKind
from projectloom.money import usd_string
from projectloom.operating.actions import read_actions
from projectloom.operating.credit import grant_credit, revoke_credit
from projectloom.operating.people import HoldLine, OrderLine, PersonBooks, read_person
from projectloom.state.movements import MovementRow, aligned, movement_rows
from projectloom.state.operator_rows import ActionRow, action_rows
from projectloom.state.session import handled, operating
from projectloom.state.words import calendar_day, day_and_time, minute, whole_number

_LOTS = {LotKind.PAID: "Bought", LotKind.BONUS: "Bonus of a purchase", LotKind.PROMOTIONAL: "Given"}


@dataclass(frozen=True)
class Fact:
    """One balance, or one line about something."""

    key: str = ""
    words: str = ""
    amount: str = ""
    note: str = ""
    revocable: bool = False


@dataclass(frozen=True)
class PersonView:
    """A person's books as text."""

    name: str = ""
    since: str = ""
    balances: list[Fact] = field(default_factory=list)
    lots: list[Fact] = field(default_factory=list)
    holds: list[Fact] = field(default_factory=list)
    orders: list[Fact] = field(default_factory=list)


class OperatorPersonState(rx.State):
    """The person whom the address names. At most one dialog is open: ``dialog`` is empty, ``grant`` or ``revoke``."""

    loaded: bool = False
    busy: bool = False
    person_id: str = ""
    view: PersonView = PersonView()
    rows: list[MovementRow] = []
    more: bool = False
    actions: list[ActionRow] = []
    dialog: str = ""
    trouble: str = ""
    chosen: Fact = Fact()
    _before: int = 0

    @handled
    async def load(self):
        """Read the person's books; nobody of that id is said."""
        await operating(self)
        self.loaded, self.busy, self.dialog, self.view = False, False, "", PersonView()
        self.person_id = self.router.url.query_parameters.get("id", "")
        try:
            await self._read()
        except NotFound:
            self.person_id = ""
        self.loaded = True

    @handled
    async def show_more(self):
        """Read the next page of movements, older than what is shown."""
        await operating(self)
        if self.busy or not self.more:
            return
        self.busy = True
        yield
        await self._read_movements(self._before)
        self.busy = False

    @handled
    async def ask(self, dialog: str, lot_id: str = ""):
        """Open a dialog: for credit to give, or for what of it to take back."""
        await operating(self)
        self.chosen = next((lot for lot in self.view.lots if lot.key == lot_id), Fact())
        self.dialog, self.trouble = dialog, ""

    @rx.event
    def close(self):
        """Put the open dialog away."""
        self.dialog, self.trouble = "", ""

    @handled
    async def give(self, form: dict[str, str]):
        """Give credit; a refusal is said in place."""
        operator = await operating(self, lasting=True)
        try:
            dollars, days = _number(form.get("dollars", "")), form.get("days", "").strip()
            done = await in_thread(
                grant_credit,
                operator,
                self.person_id,
                dollars,
                reason=form.get("reason", ""),
                days=_number(days) if days else None,
            )
        except LoomError as error:
            self.trouble = error.message
            return None
        return await self._done(done.words)

    @handled
    async def take_back(self, form: dict[str, str]):
        """Take back what is left of the grant that was asked about; a refusal is said in place."""
        operator = await operating(self, lasting=True)
        try:
            done = await in_thread(
                revoke_credit, operator, self.person_id, self.chosen.key, reason=form.get("reason", "")
            )
        except LoomError as error:
            self.trouble = error.message
            return None
        return await self._done(done.words)

    async def _done(self, words: str):
        self.dialog, self.trouble = "", ""
        await self._read()
        return rx.toast.info(words)

    async def _read(self) -> None:
        self.view = _view(await in_thread(read_person, self.person_id))
        self.actions = action_rows(await in_thread(read_actions, user_id=self.person_id))
        self.rows = []
        await self._read_movements(None)

    async def _read_movements(self, before: int | None) -> None:
        page = await in_thread(read_statement, self.person_id, before=before)
        bought = await in_thread(name_orders, self.person_id, {one.order_id for one in page if one.order_id})
        self.rows = aligned([*self.rows, *movement_rows(page, bought)])
        self.more = len(page) >= limits.STATEMENT_PAGE
        if page:
            self._before = page[-1].id


def _number(typed: str) -> int:
    value = whole_number(typed.strip())
    if not isinstance(value, int):
        raise InvalidAmount("Please enter whole numbers.")
    return value


def _view(found: PersonBooks) -> PersonView:
    balances = found.balances
    shown = (
        ("Available", balances.available_nanos, True),
        ("Held for running replies", balances.held_nanos, False),
        ("Debt", balances.debt_nanos, False),
        ("Frozen by disputes and refunds", balances.frozen_nanos, False),
        ("Spent on replies", balances.spent_nanos, True),
    )
    return PersonView(
        name=found.person.name,
        since=calendar_day(found.person.created_at),
        balances=[Fact(words, words, _usd(nanos)) for words, nanos, always in shown if nanos or always],
        lots=[_lot(lot) for lot in found.lots],
        holds=[_hold(hold) for hold in found.holds],
        orders=[_order(order) for order in found.orders],
    )


def _lot(lot: LotView) -> Fact:
    ends = f"expires {calendar_day(lot.expires_at)}" if lot.expires_at else "never expires"
    return Fact(
        key=lot.id,
        words=_LOTS[LotKind(lot.kind)],
        amount=_usd(lot.left_nanos),
        note=f"of {_usd(lot.whole_nanos)} from {calendar_day(lot.created_at)}, {ends}",
        revocable=lot.kind == LotKind.PROMOTIONAL,
    )


def _hold(hold: HoldLine) -> Fact:
    return Fact(
        key=hold.id,
        words=f"Reply {hold.turn_id}",
        amount=_usd(hold.amount_nanos),
        note=f"since {day_and_time(hold.created_at)}, until {day_and_time(hold.expires_at)} at the latest",
    )


def _order(order: OrderLine) -> Fact:
    status = order.status.replace("_", " ").capitalize()
    problem = f": {order.problem}" if order.problem else ""
    by = " · auto top-up" if order.source == "auto" else ""
    return Fact(
        key=order.id,
        words=f"{minute(order.created_at)} · {status}{problem}{by}",
        amount=_usd(order.price_nanos),
        note=" · ".join(part for part in (order.id, order.payment_intent_id, order.session_id) if part),
    )


def _usd(nanos: int) -> str:
    return f"${usd_string(nanos)}"
