"""The activity as its page shows it: bars, tables, a week in one sentence and the list of replies, all as text.

Formatting only. Amounts are exact, as in the statement, and what own keys paid stands apart from what credit paid.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from projectloom import routes
from projectloom.metering.activity import Activity, Span, Sum
from projectloom.metering.activity_records import ReplyRecord
from projectloom.metering.activity_wanted import NONE
from projectloom.metering.models import Funding
from projectloom.money import usd_string
from projectloom.state.usage import SOURCE_NAMES
from projectloom.state.words import calendar_day, count_of, in_line, minute, places_of

# What can be chosen, as the address names it.
CHOICES = ("on", "model", "source", "payer", "key", "conversation")

PAYER_NAMES = {Funding.CREDITS: "Credits", Funding.OWN_KEY: "Your own keys"}

_TITLES = {
    "model": "By model",
    "source": "By source",
    "payer": "By payer",
    "key": "By access key",
    "conversation": "By conversation",
}

_WHOLE_BAR = 1_000
_NICE = (1, 2, 5, 10)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address names, as text. This month and all of it have no name."""

    span: str = ""
    since: str = ""
    until: str = ""
    chosen: Mapping[str, str] = field(default_factory=dict)

    def named(self) -> dict[str, str]:
        """Everything but the range."""
        return {"since": self.since, "until": self.until, **self.chosen}

    def href(self, **changes: str) -> str:
        """The address with other choices; an empty one takes a choice away."""
        return routes.activity(self.span, **{**self.named(), **changes})


@dataclass(frozen=True)
class Choice:
    """Something that can be chosen or taken away, and the address of that."""

    name: str = ""
    words: str = ""
    href: str = ""
    current: bool = False


@dataclass(frozen=True)
class Bar:
    """One day or month of the chart. Heights are thousandths of the whole; ``charged`` and ``own`` are exact."""

    key: str = ""
    day: str = ""
    words: str = ""
    href: str = ""
    current: bool = False
    credit_height: int = 0
    own_height: int = 0
    count: str = ""
    charged: str = ""
    own: str = ""


@dataclass(frozen=True)
class SideRow:
    """One line of a table: a model, a source, a key, a payer or a conversation."""

    name: str = ""
    words: str = ""
    href: str = ""
    current: bool = False
    count: str = ""
    charged: str = ""
    own: str = ""


@dataclass(frozen=True)
class Side:
    """One table."""

    name: str = ""
    title: str = ""
    rows: list[SideRow] = field(default_factory=list)


@dataclass(frozen=True)
class Part:
    """A piece of a sentence; with an address it is a link."""

    key: str = ""
    text: str = ""
    href: str = ""


@dataclass(frozen=True)
class RecordRow:
    """One reply. ``amount`` opens its receipt."""

    key: str = ""
    turn_id: str = ""
    when: str = ""
    model: str = ""
    source: str = ""
    tokens: str = ""
    amount: str = ""
    pad: str = ""
    """What stands behind the amount, so that all have their points under each other."""
    own: bool = False
    conversation: str = ""
    chat: str = ""
    access_key: str = ""


def exact(nanos: int) -> str:
    """An amount with every digit, as the statement has it."""
    return f"${usd_string(nanos)}"


def bars(activity: Activity, asked: Asked) -> list[Bar]:
    """The bars of the chart: a day is chosen within the range, a month becomes the range."""
    top = axis_top(activity)
    return [_bar(span, top, asked) for span in activity.spans]


def axis_top(activity: Activity) -> int:
    """A round amount that no bar exceeds, in nanos."""
    most = max((max(span.sums.charged_nanos, span.sums.own_key_nanos) for span in activity.spans), default=0)
    unit = 10 ** (len(str(max(most, 1))) - 1)
    return next(times * unit for times in _NICE if times * unit >= most)


def _bar(span: Span, top: int, asked: Asked) -> Bar:
    month = span.since != span.until
    on = f"{span.since}"
    current = not month and asked.chosen.get("on") == on
    when = f"{span.since:%B %Y}" if month else calendar_day(span.since)
    if month:
        href = routes.activity("days", **{**asked.chosen, "on": "", "since": on, "until": f"{span.until}"})
    else:
        href = asked.href(on="" if current else on)
    return Bar(
        key=on,
        day=f"{span.since:%b %Y}" if month else f"{span.since.day} {span.since:%b}",
        words=_bar_words(when, span.sums),
        href=href,
        current=current,
        credit_height=_height(span.sums.charged_nanos, top),
        own_height=_height(span.sums.own_key_nanos, top),
        count=f"{span.sums.count:,}",
        charged=exact(span.sums.charged_nanos),
        own=exact(span.sums.own_key_nanos),
    )


def _height(nanos: int, top: int) -> int:
    """Whatever is more than nothing can be seen."""
    return max(nanos * _WHOLE_BAR // top, 8) if nanos else 0


def _bar_words(when: str, sums: Sum) -> str:
    if not sums.count:
        return f"{when}: nothing"
    own = f", {exact(sums.own_key_nanos)} on your own keys" if sums.own_key_nanos else ""
    return f"{when}: {exact(sums.charged_nanos)} from credits{own}, {count_of(sums.count, 'reply', 'replies')}"


def sides(activity: Activity, asked: Asked, labels: Mapping[str, str]) -> list[Side]:
    """The tables. What has one line only tells nothing, unless it was chosen."""
    lines = {
        "model": activity.by_model,
        "source": activity.by_source,
        "payer": activity.by_payer,
        "key": activity.by_key,
        "conversation": activity.by_conversation,
    }
    found = [_side(name, lines[name], asked, labels) for name in lines]
    others = activity.other_conversations
    if others.count:
        count, charged, own = _figures(others)
        found[-1].rows.append(SideRow("others", "All others", count=count, charged=charged, own=own))
    always = ("model", "conversation")
    return [side for side in found if side.name in always or len(side.rows) > 1 or asked.chosen.get(side.name)]


def _side(name: str, lines: Sequence[Sum], asked: Asked, labels: Mapping[str, str]) -> Side:
    rows = [
        SideRow(
            line.name,
            name_of(name, line.name, line.label, labels),
            asked.href(**{name: "" if asked.chosen.get(name) == line.name else line.name}),
            asked.chosen.get(name) == line.name,
            *_figures(line),
        )
        for line in lines
    ]
    return Side(name, _TITLES[name], rows)


def _figures(line: Sum) -> tuple[str, str, str]:
    own = exact(line.own_key_nanos) if line.own_key_nanos else ""
    return count_of(line.count, "reply", "replies"), exact(line.charged_nanos), own


def name_of(side: str, name: str, label: str, labels: Mapping[str, str]) -> str:
    """What a person calls one line of a side."""
    match side:
        case "model":
            return labels.get(name, name)
        case "source":
            return SOURCE_NAMES.get(name, name)
        case "payer":
            return next((words for payer, words in PAYER_NAMES.items() if payer == name), name)
        case "key":
            return "In the workspace itself" if name == NONE else label or "A key of another time"
        case _:
            return "Without a conversation" if name == NONE else label or "A deleted conversation"


def filters(activity: Activity, asked: Asked, labels: Mapping[str, str]) -> list[Choice]:
    """What is chosen, each with the address that takes it away."""
    lines = {"key": activity.by_key, "conversation": activity.by_conversation}
    found: list[Choice] = []
    for side in CHOICES:
        name = asked.chosen.get(side, "")
        if not name:
            continue
        label = next((line.label for line in lines.get(side, ()) if line.name == name), "")
        words = calendar_day(date.fromisoformat(name)) if side == "on" else name_of(side, name, label, labels)
        found.append(Choice(side, words, asked.href(**{side: ""}), current=True))
    return found


def week_sentence(week: Activity, labels: Mapping[str, str]) -> list[Part]:
    """What the last seven days came to, each noun a link."""
    asked = Asked("days", f"{week.since}", f"{week.until}")
    total = week.total
    if not total.count:
        return [Part("0", "Nothing in the last 7 days. Each reply you get will count here.")]
    model = max(week.by_model, key=lambda line: line.count)
    pieces = [
        ("In the last 7 days you had ", ""),
        (count_of(total.count, "reply", "replies"), asked.href()),
        (", all from " if len(week.by_model) == 1 else ", mostly from ", ""),
        (name_of("model", model.name, "", labels), asked.href(model=model.name)),
        *_costs(week, asked),
    ]
    dearest = max(week.spans, key=lambda span: (span.sums.charged_nanos, span.sums.own_key_nanos))
    if sum(1 for span in week.spans if span.sums.count) > 1:
        pieces += [(". Most of it was on ", ""), (f"{dearest.since:%A}", asked.href(on=f"{dearest.since}"))]
    return [Part(str(number), text, href) for number, (text, href) in enumerate([*pieces, (".", "")])]


def _costs(week: Activity, asked: Asked) -> list[tuple[str, str]]:
    """Credit leads to the same days of the statement, own keys to their own replies."""
    total, found = week.total, list[tuple[str, str]]()
    if total.charged_nanos or not total.own_key_nanos:
        statement = routes.statement("replies", "days", asked.since, asked.until)
        found += [(", for ", ""), (f"{exact(total.charged_nanos)} of credit", statement)]
    if total.own_key_nanos:
        found += [
            (", plus " if found else ", for ", ""),
            (exact(total.own_key_nanos), asked.href(payer=Funding.OWN_KEY)),
        ]
        found += [(" that providers bill to your own keys", "")]
    return found


def record_rows(records: Iterable[ReplyRecord], labels: Mapping[str, str]) -> list[RecordRow]:
    """The rows of a page of replies."""
    return [
        RecordRow(
            key=record.usage_id,
            turn_id=record.turn_id,
            when=minute(record.created_at),
            model=name_of("model", record.model, "", labels),
            source=name_of("source", record.source, "", labels),
            tokens=f"{record.input_tokens:,} in, {record.output_tokens:,} out",
            amount=exact(record.own_key_nanos if record.funding == Funding.OWN_KEY else record.charged_nanos),
            own=record.funding == Funding.OWN_KEY,
            conversation=record.conversation,
            chat=routes.conversation(record.conversation_id) if record.conversation else "",
            access_key=record.key,
        )
        for record in records
    ]


def in_columns(amounts: Sequence[str]) -> list[str]:
    """Amounts with their points under each other."""
    plain = [amount.rstrip("\N{NO-BREAK SPACE}") for amount in amounts]
    most = max(map(places_of, plain), default=0)
    return [in_line(amount, most) for amount in plain]
