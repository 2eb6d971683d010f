"""The activity page: what was used and what it cost, of the range and the choices that the address names."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

import reflex as rx

from projectloom import limits, routes
from projectloom.clock import now
from projectloom.db import in_thread
from projectloom.errors import InvalidInput
from projectloom.metering.activity import Activity, read_activity
from projectloom.metering.activity_records import Place, list_records
from projectloom.metering.activity_wanted import FREE, Wanted, want
from projectloom.state.activity_rows import (
    CHOICES,
    Asked,
    Bar,
    Choice,
    Part,
    RecordRow,
    Side,
    axis_top,
    bars,
    exact,
    filters,
    in_columns,
    record_rows,
    sides,
    week_sentence,
)
from projectloom.state.models import model_labels
from projectloom.state.session import explain, handled, signed_in
from projectloom.state.words import behind, calendar_day, count_of, places_of

# The ranges as the address names them. This month has no name.
_THIS_MONTH = "this_month"
SPANS = {
    "": "This month",
    "last_month": "Last month",
    "year_to_date": "Year to date",
    "all_time": "All time",
    FREE: "Choose days",
}


class ActivityState(rx.State):
    """The person's activity in one range, and the replies behind it as far as they were paged through.

    ``empty``: nothing was ever used in this range; ``nothing``: nothing of what is chosen.
    """

    loaded: bool = False
    busy: bool = False
    choosing: bool = False
    since: str = ""
    until: str = ""
    range_words: str = ""
    spans: list[Choice] = []
    chosen: list[Choice] = []
    clear_href: str = routes.ACTIVITY
    csv_path: str = routes.activity_csv()
    statement_href: str = routes.STATEMENT
    week: list[Part] = []
    total: str = ""
    own: str = ""
    count: str = ""
    tokens: str = ""
    nothing: bool = True
    bars: list[Bar] = []
    by_months: bool = False
    top: str = ""
    half: str = ""
    sides: list[Side] = []
    rows: list[RecordRow] = []
    more: bool = False
    _wanted: Wanted = Wanted()
    _after: Place | None = None

    @handled
    async def load(self):
        """Read what the address names; what cannot be read is said, and this month is shown instead."""
        asked, trouble = _asked(dict(self.router.url.query_parameters)), None
        try:
            self._wanted = want(asked.span or _THIS_MONTH, asked.named())
        except InvalidInput as error:
            trouble, asked = explain(error), Asked()
            self._wanted = want(_THIS_MONTH, {})
        person, labels = await signed_in(self), await model_labels()
        found = await in_thread(read_activity, person.user_id, self._wanted)
        self._show_range(asked, found)
        self._show_sums(asked, found, labels)
        self.week = week_sentence(await in_thread(_read_week, person.user_id), labels)
        self.rows, self._after = [], None
        await self._read_rows(person.user_id, labels)
        self.loaded, self.busy = True, False
        return trouble

    @handled
    async def choose_days(self, entered: dict[str, str]):
        """Go to the days that were entered."""
        since, until = entered.get("since", ""), entered.get("until", "")
        want(FREE, {"since": since, "until": until})
        asked = _asked(dict(self.router.url.query_parameters))
        return rx.redirect(routes.activity(FREE, **{**asked.chosen, "on": "", "since": since, "until": until}))

    @handled
    async def show_more(self):
        """Read the next page, older than what is shown."""
        if self.busy or not self.more:
            return
        self.busy = True
        yield
        await self._read_rows((await signed_in(self)).user_id, await model_labels())
        self.busy = False

    def _show_range(self, asked: Asked, found: Activity) -> None:
        self.choosing = asked.span == FREE
        self.since, self.until = f"{found.since}", f"{found.until}"
        self.range_words = _days_words(found.since, found.until)
        self.spans = _spans(asked, found)
        self.clear_href = routes.activity(asked.span, since=asked.since, until=asked.until)
        self.csv_path = routes.activity_csv(asked.span, **asked.named())
        first = last = asked.chosen.get("on")
        self.statement_href = routes.statement("replies", FREE, first or self.since, last or self.until)

    def _show_sums(self, asked: Asked, found: Activity, labels: Mapping[str, str]) -> None:
        total, top = found.total, axis_top(found)
        self.nothing, self.count = total.count == 0, count_of(total.count, "reply", "replies")
        self.total = exact(total.charged_nanos)
        self.own = exact(total.own_key_nanos) if total.own_key_nanos else ""
        self.tokens = f"{total.input_tokens:,} tokens in, {total.output_tokens:,} out"
        self.bars, self.top, self.half = bars(found, asked), exact(top), exact(top // 2)
        self.by_months = found.spans[0].since != found.spans[0].until or found.spans[-1].since != found.spans[-1].until
        self.sides = [_lined(side) for side in sides(found, asked, labels)]
        self.chosen = filters(found, asked, labels)

    async def _read_rows(self, user_id: str, labels: Mapping[str, str]) -> None:
        page = await in_thread(list_records, user_id, self._wanted, after=self._after)
        rows = [*self.rows, *record_rows(page, labels)]
        most = max((places_of(row.amount) for row in rows), default=0)
        self.rows = [replace(row, pad=behind(row.amount, most)) for row in rows]
        self.more = len(page) >= limits.ACTIVITY_PAGE
        if page:
            self._after = page[-1].place


def _read_week(user_id: str) -> Activity:
    today = now().date()
    first = today - timedelta(days=limits.ACTIVITY_WEEK_DAYS - 1)
    return read_activity(user_id, Wanted(since=first, until=today), conversations=False)


def _asked(query: dict[str, str]) -> Asked:
    """What a query names; a name that is none of ours means nothing."""
    span = query.get("range", "")
    span = span if span in SPANS else ""
    chosen = {name: query[name] for name in CHOICES if query.get(name)}
    days = (query.get("since", ""), query.get("until", "")) if span == FREE else ("", "")
    return Asked(span, *days, chosen)


def _spans(asked: Asked, found: Activity) -> list[Choice]:
    """The ranges, each with what is chosen but the day. Choosing days begins with those that are shown."""
    kept = {**asked.chosen, "on": ""}
    days = {"since": f"{found.since}", "until": f"{found.until}"}
    return [
        Choice(
            span or _THIS_MONTH,
            words,
            routes.activity(span, **(kept | (days if span == FREE else {}))),
            span == asked.span,
        )
        for span, words in SPANS.items()
    ]


def _lined(side: Side) -> Side:
    charged = in_columns([row.charged for row in side.rows])
    rows = [replace(row, charged=amount) for row, amount in zip(side.rows, charged, strict=True)]
    return replace(side, rows=rows)


def _days_words(since: date, until: date) -> str:
    if since == until:
        return calendar_day(since)
    return f"{calendar_day(since)} to {calendar_day(until)}"
