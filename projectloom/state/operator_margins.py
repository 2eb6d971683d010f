"""The operator's page of charges, provider cost and margin, by day and model, beside what the books earned."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta

import reflex as rx

from projectloom import limits, routes
from projectloom.clock import now, read_day
from projectloom.db import in_thread
from projectloom.errors import InvalidInput
from projectloom.metering.margins import Margin, MarginLine, read_margins
from projectloom.money import usd_string
from projectloom.state.models import model_labels
from projectloom.state.session import explain, handled, operating
from projectloom.state.words import calendar_day, in_line, places_of

_FREE = "days"
_SPANS = {
    "": f"Last {limits.MARGIN_DAYS} days",
    "this_month": "This month",
    "last_month": "Last month",
    _FREE: "Choose days",
}


@dataclass(frozen=True)
class MarginRow:
    """The sums of a day, a model, or both, all text."""

    key: str = ""
    name: str = ""
    count: str = ""
    charged: str = ""
    given: str = ""
    cost: str = ""
    margin: str = ""
    loss: bool = False


@dataclass(frozen=True)
class MarginSpan:
    """A range of days that can be chosen."""

    name: str = ""
    words: str = ""
    href: str = ""
    current: bool = False


class OperatorMarginsState(rx.State):
    """One range of days."""

    loaded: bool = False
    choosing: bool = False
    since: str = ""
    until: str = ""
    range_words: str = ""
    spans: list[MarginSpan] = []
    whole: MarginRow = MarginRow()
    uncollected: str = ""
    earned: str = ""
    agrees: bool = True
    days: list[MarginRow] = []
    models: list[MarginRow] = []
    lines: list[MarginRow] = []

    @handled
    async def load(self):
        """Read the range that the address names; what cannot be read is said, and the latest days are shown instead."""
        await operating(self)
        span, since, until, trouble = *_asked(dict(self.router.url.query_parameters)), None
        try:
            found = await in_thread(read_margins, read_day("since", since), read_day("until", until))
        except InvalidInput as error:
            span, trouble = "", explain(error)
            found = await in_thread(read_margins)
        labels = await model_labels()
        self.since, self.until, self.choosing = f"{found.since}", f"{found.until}", span == _FREE
        self.range_words = f"{calendar_day(found.since)} to {calendar_day(found.until)}"
        self.spans = _spans(span, self.since, self.until)
        self.whole, self.agrees = _row("", "Together", found.whole), found.agrees
        self.earned = _usd(found.earned_nanos)
        self.uncollected = _usd(found.whole.uncollected_nanos) if found.whole.uncollected_nanos else ""
        self.days = _aligned(_row(f"{line.day}", _day(line), line.sums) for line in found.days)
        self.models = _aligned(_row(line.model, labels.get(line.model, line.model), line.sums) for line in found.models)
        self.lines = _aligned(
            _row(f"{line.day}:{line.model}", f"{_day(line)} · {labels.get(line.model, line.model)}", line.sums)
            for line in found.lines
        )
        self.loaded = True
        return trouble

    @handled
    async def choose_days(self, entered: dict[str, str]):
        """Go to the days that were entered."""
        await operating(self)
        since, until = entered.get("since", ""), entered.get("until", "")
        await in_thread(read_margins, read_day("since", since or None), read_day("until", until or None))
        return rx.redirect(routes.operator_margins(_FREE, since, until))


def _asked(query: dict[str, str]) -> tuple[str, str | None, str | None]:
    """The range and its first and last day; a name that is none of ours means the latest days."""
    span = query.get("range", "")
    today = now().date()
    first = today.replace(day=1)
    before = first - timedelta(days=1)
    match span:
        case "this_month":
            return span, f"{first}", None
        case "last_month":
            return span, f"{before.replace(day=1)}", f"{before}"
        case "days":
            return span, query.get("since") or None, query.get("until") or None
        case _:
            return "", None, None


def _spans(chosen: str, since: str, until: str) -> list[MarginSpan]:
    # Choosing days begins with those that are shown.
    return [
        MarginSpan(
            name or "latest",
            words,
            routes.operator_margins(name, *((since, until) if name == _FREE else ("", ""))),
            name == chosen,
        )
        for name, words in _SPANS.items()
    ]


def _day(line: MarginLine) -> str:
    return calendar_day(line.day or date.min)


def _row(key: str, name: str, sums: Margin) -> MarginRow:
    return MarginRow(
        key=key,
        name=name,
        count=f"{sums.count:,}",
        charged=_usd(sums.charged_nanos),
        given=_usd(sums.given_nanos) if sums.given_nanos else "",
        cost=_usd(sums.cost_nanos),
        margin=_usd(sums.margin_nanos),
        loss=sums.margin_nanos < 0,
    )


def _aligned(rows: Iterable[MarginRow]) -> list[MarginRow]:
    """The rows with the points of their amounts under each other: on a phone those of a line stand so too."""
    group = list(rows)
    most = max((places_of(amount) for row in group for amount in (row.charged, row.cost, row.margin)), default=0)
    return [
        replace(row, charged=in_line(row.charged, most), cost=in_line(row.cost, most), margin=in_line(row.margin, most))
        for row in group
    ]


def _usd(nanos: int) -> str:
    sign = "\N{MINUS SIGN}" if nanos < 0 else ""
    return f"{sign}${usd_string(abs(nanos))}"
