"""The operator's page of prices: versions, proposals, what one would change, and putting it in force."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import reflex as rx

from projectloom import routes
from projectloom.db import in_thread
from projectloom.errors import InvalidInput, LoomError
from projectloom.metering.price_changes import Compared, PriceHistory, compare, history, markup_of
from projectloom.metering.price_diff import Change, plain
from projectloom.operating.prices import apply_prices, propose_prices
from projectloom.state.session import handled, operating
from projectloom.state.words import count_of, day_and_time

_KINDS = {"new": "New", "gone": "Gone", "dearer": "Dearer", "cheaper": "Cheaper", "changed": "Changed"}


@dataclass(frozen=True)
class PriceLine:
    """A version or a proposal."""

    key: str = ""
    name: str = ""
    about: str = ""
    live: bool = False
    href: str = ""
    current: bool = False


@dataclass(frozen=True)
class ChangeLine:
    """One difference between two cards."""

    key: str = ""
    kind: str = ""
    words: str = ""
    model: str = ""
    what: str = ""
    old: str = ""
    new: str = ""
    percent: str = ""


class OperatorPricesState(rx.State):
    """The history, and the proposal that the address names beside the live card. ``applying``: the dialog is open."""

    loaded: bool = False
    versions: list[PriceLine] = []
    proposals: list[PriceLine] = []
    proposal: str = ""
    heading: str = ""
    note: str = ""
    changes: list[ChangeLine] = []
    applying: bool = False
    trouble: str = ""

    @handled
    async def load(self):
        """Read the history and the proposal that the address names."""
        await operating(self)
        self.applying, self.trouble = False, ""
        asked = self.router.url.query_parameters.get("proposal", "")
        self.proposal = asked if asked.isascii() and asked.isdecimal() and len(asked) < 19 else ""
        await self._read()

    @handled
    async def propose(self, form: dict[str, str]):
        """Propose the installed prices with this markup and show what they would change."""
        operator = await operating(self)
        typed = form.get("markup", "").strip()
        try:
            markup = markup_of(typed) if typed else None
        except ValueError as error:
            raise InvalidInput(f"{error}.") from None
        found = await in_thread(propose_prices, operator, markup_percent=markup)
        if found.proposal_id is None:
            return rx.toast.info(f"Nothing changed: version {found.live.version} has these prices already.")
        return rx.redirect(routes.operator_prices(str(found.proposal_id)))

    @handled
    async def ask(self):
        """Open the question before a proposal is applied."""
        await operating(self)
        self.applying, self.trouble = True, ""

    @rx.event
    def close(self):
        """Leave it a proposal."""
        self.applying, self.trouble = False, ""

    @handled
    async def apply(self, form: dict[str, str]):
        """Put the proposal in force, now or at the time that was entered; a refusal is said in place."""
        operator = await operating(self, lasting=True)
        try:
            made = await in_thread(
                apply_prices,
                operator,
                int(self.proposal),
                reason=form.get("reason", ""),
                at=_moment(form.get("at", "")),
                force=bool(form.get("force")),
            )
        except LoomError as error:
            self.trouble = error.message
            return None
        self.applying, self.proposal = False, ""
        await self._read()
        verb = "is in force" if made.at_once else f"comes into force on {day_and_time(made.effective_at)}"
        return rx.toast.success(f"Version {made.version} {verb}.")

    async def _read(self) -> None:
        found = await in_thread(history)
        self.versions, self.proposals = _versions(found), _proposals(found, self.proposal)
        self.heading, self.note, self.changes = "", "", []
        if self.proposal:
            self._compare(await in_thread(compare, int(self.proposal)))
        self.loaded = True

    def _compare(self, found: Compared) -> None:
        self.heading = f"Proposal {found.proposal_id} beside version {found.live.version}, which is live"
        self.note = f"{count_of(len(found.changes), 'change', 'changes')}. The markup is {_markup(found)}."
        self.changes = [_change(place, change) for place, change in enumerate(found.changes)]


def _markup(found: Compared) -> str:
    return f"{plain(found.card.markup_percent)} %"


def _versions(found: PriceHistory) -> list[PriceLine]:
    return [
        PriceLine(
            key=str(one.version),
            name=f"Version {one.version}",
            about=f"from {day_and_time(one.effective_at)} · {_about(one.card.markup_percent, one.card.source)}",
            live=one.version == found.live,
        )
        for one in found.versions
    ]


def _proposals(found: PriceHistory, chosen: str) -> list[PriceLine]:
    return [
        PriceLine(
            key=str(one.id),
            name=f"Proposal {one.id}",
            about=f"of {day_and_time(one.created_at)} · {_about(found.markups[one.id or 0], one.source)}",
            href=routes.operator_prices(str(one.id)),
            current=str(one.id) == chosen,
        )
        for one in found.proposals
    ]


def _about(markup: Decimal, source: str) -> str:
    return f"markup {plain(markup)} % · {source}"


def _change(place: int, change: Change) -> ChangeLine:
    return ChangeLine(
        key=str(place),
        kind=change.kind,
        words=_KINDS[change.kind],
        model=change.model or "All models",
        what=change.what,
        old=change.old,
        new=change.new,
        percent=change.percent,
    )


def _moment(typed: str) -> datetime | None:
    if not typed:
        return None
    try:
        return datetime.fromisoformat(typed).replace(tzinfo=UTC)
    except ValueError:
        raise InvalidInput("That is no time.") from None
