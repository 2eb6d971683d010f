"""Amounts, counts and times as people read them. Formatting only: nothing here decides what anything costs."""

from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from projectloom.clock import now
from projectloom.money import NANOS_PER_CENT, NANOS_PER_USD, format_usd, usd_string

# English prose by the current tokenizers, from the providers' own rules of thumb: three words in four tokens.
WORDS_PER_TOKEN = Decimal("0.75")

_RECENT_DAYS = 7


def count_of(count: int, one: str, many: str) -> str:
    """``"1 reply"``, ``"1,204 replies"``."""
    return f"{count:,} {one if count == 1 else many}"


def cents(nanos: int) -> str:
    """An amount in cents with two significant figures and no unit: ``"0.12"``, ``"1.2"``, ``"38"``."""
    value = Decimal(nanos) / NANOS_PER_CENT
    if not value:
        return "0"
    places = max(0, 1 - value.adjusted())
    rounded = value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
    return f"{rounded.normalize():f}"


def about(likely_nanos: int, at_most_nanos: int) -> str:
    """What a reply may cost, said before it is sent: ``"About 0.1–1.2 ¢"``, or in dollars from a dollar up."""
    if at_most_nanos >= NANOS_PER_USD:
        return f"About {format_usd(likely_nanos)}–{format_usd(at_most_nanos).removeprefix('$')}"
    low, high = cents(likely_nanos), cents(at_most_nanos)
    return f"About {high} ¢" if low == high else f"About {low}–{high} ¢"


def page_price(nanos: int) -> str:
    """The price of a typical page, in one unit for all models so that they compare: ``"About 1.8 ¢ a page"``."""
    value = Decimal(nanos) / NANOS_PER_CENT
    if Decimal("0.01") <= value < 1:
        return f"About {value.quantize(Decimal('0.01'), rounding=ROUND_HALF_EVEN).normalize():f} ¢ a page"
    return f"About {cents(nanos)} ¢ a page"


def words_in(tokens: int) -> str:
    """Roughly how many words fit in so many tokens, rounded to two figures: ``"about 1,200 words"``."""
    words = tokens * WORDS_PER_TOKEN
    places = min(0, 1 - words.adjusted()) if words else 0
    return f"about {int(words.quantize(Decimal(1).scaleb(-places))):,} words"


def calendar_day(moment: date) -> str:
    """``"14 Nov 2026"``."""
    return f"{moment.day} {moment:%b %Y}"


def minute(moment: datetime) -> str:
    """``"14 Nov 2026, 09:30"``, where the heading names the zone."""
    return f"{calendar_day(moment)}, {moment:%H:%M}"


def day_and_time(moment: datetime) -> str:
    """``"14 Nov 2026, 09:30 UTC"``."""
    return f"{minute(moment)} UTC"


def signed(nanos: int) -> str:
    """An exact amount with its sign, the minus as wide as the plus: ``"+$27.00"`` or ``"-$0.004512"``."""
    sign = "\N{MINUS SIGN}" if nanos < 0 else "+"
    return f"{sign}${usd_string(abs(nanos))}"


def in_line(amount: str, places: int) -> str:
    """An amount with spaces behind it, so that in a column of tabular figures the points stand under each other."""
    return amount + "\N{NO-BREAK SPACE}" * max(places - len(amount.rpartition(".")[2]), 0)


def day_heading(moment: datetime) -> str:
    """The heading under which a conversation is listed: today, yesterday, the last days, then its month."""
    today, day = now().date(), moment.date()
    if day >= today:
        return "Today"
    if day == today - timedelta(days=1):
        return "Yesterday"
    if day > today - timedelta(days=_RECENT_DAYS):
        return "Previous 7 days"
    return _month(day, today)


def _month(day: date, today: date) -> str:
    return f"{day:%B}" if day.year == today.year else f"{day:%B %Y}"


def whole_number(typed: object) -> object:
    """The number that a plain text of digits spells; anything else as it is, for whoever keeps it to refuse."""
    return int(typed) if isinstance(typed, str) and typed.isascii() and typed.isdecimal() else typed
