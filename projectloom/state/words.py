"""Amounts, counts and times as people read them. Formatting only: nothing here decides what anything costs."""

from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from projectloom.money import NANOS_PER_CENT, NANOS_PER_USD, format_usd, usd_string

_ROUGH_FROM = 100

# English prose by the current tokenizers, from the providers' own rules of thumb: three words in four tokens.
WORDS_PER_TOKEN = Decimal("0.75")


def count_of(count: int, one: str, many: str) -> str:
    """``"1 reply"``, ``"1,204 replies"``."""
    return f"{count:,} {one if count == 1 else many}"


def roughly(count: int, one: str, many: str) -> str:
    """A count that is no promise: ``"about 8 questions"``, ``"roughly 2,100 questions"``."""
    word = "about" if count < _ROUGH_FROM else "roughly"
    return f"{word} {count_of(_rounded(count), one, many)}"


def sentence(words: str) -> str:
    """Words as a sentence begins."""
    return words[:1].upper() + words[1:]


def cents(nanos: int) -> str:
    """An amount in cents with two significant figures and no unit: ``"0.12"``, ``"1.2"``, ``"38"``."""
    value = Decimal(nanos) / NANOS_PER_CENT
    if not value:
        return "0"
    places = max(0, 1 - value.adjusted())
    rounded = value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
    return f"{rounded.normalize():f}"


def usually(low_nanos: int, high_nanos: int) -> str:
    """A range that is no promise: ``"0.4–1.2 ¢"``, or in dollars from a dollar up."""
    if high_nanos >= NANOS_PER_USD:
        return f"{format_usd(low_nanos)}–{format_usd(high_nanos).removeprefix('$')}"
    low, high = _rough_cents(low_nanos), _rough_cents(high_nanos)
    return f"{high} ¢" if low == high else f"{low}–{high} ¢"


def about(low_nanos: int, high_nanos: int) -> str:
    """What a reply usually costs, said before it is sent: ``"About 0.4–1.2 ¢"``."""
    return f"About {usually(low_nanos, high_nanos)}"


def _rough_cents(nanos: int) -> str:
    """As :func:`cents`; below one cent with one figure, since more would say more than anybody knows."""
    value = Decimal(nanos) / NANOS_PER_CENT
    if not value or value >= 1:
        return cents(nanos)
    return f"{value.quantize(Decimal(1).scaleb(value.adjusted()), rounding=ROUND_HALF_EVEN).normalize():f}"


def together(charged_nanos: int, by_own_keys_nanos: int) -> str:
    """What a chat cost so far: from credit, and beside it what own keys were billed; empty while it cost nothing."""
    parts = [format_usd(charged_nanos)] if charged_nanos else []
    parts += [f"{format_usd(by_own_keys_nanos)} on your own keys"] if by_own_keys_nanos else []
    return " and ".join(parts)


def page_price(nanos: int) -> str:
    """The price of a typical page, in one unit for all models so that they compare: ``"About 1.8 ¢ a page"``."""
    value = Decimal(nanos) / NANOS_PER_CENT
    if Decimal("0.01") <= value < 1:
        return f"About {value.quantize(Decimal('0.01'), rounding=ROUND_HALF_EVEN).normalize():f} ¢ a page"
    return f"About {cents(nanos)} ¢ a page"


# The parts of a cent that people say. Each stands for what lies nearer to it than to the next, as ratios go.
_PARTS_OF_A_CENT = (
    (Decimal("0.01"), "a hundredth of a cent"),
    (Decimal("0.02"), "a fiftieth of a cent"),
    (Decimal("0.05"), "a twentieth of a cent"),
    (Decimal("0.1"), "a tenth of a cent"),
    (Decimal("0.2"), "a fifth of a cent"),
    (Decimal("0.25"), "a quarter of a cent"),
    (Decimal("0.333"), "a third of a cent"),
    (Decimal("0.5"), "half a cent"),
    (Decimal("0.75"), "three quarters of a cent"),
    (Decimal(1), "a cent"),
    (Decimal("1.5"), "one and a half cents"),
    (Decimal(2), "two cents"),
)
_WHOLE_FROM = 10


def amount_words(nanos: int) -> str:
    """A small amount as people say it: ``"about half a cent"``, ``"about two cents"``."""
    value = Decimal(nanos) / NANOS_PER_CENT
    if not value:
        return "nothing"
    least, most = _PARTS_OF_A_CENT[0][0], _PARTS_OF_A_CENT[-1][0]
    if value < least / 2:
        return "less than a hundredth of a cent"
    if value > most * Decimal("1.1"):
        # In halves of a cent up to ten cents, in dollars from one up.
        if value >= NANOS_PER_USD // NANOS_PER_CENT:
            return f"about {format_usd(nanos)}"
        rounded = value.quantize(Decimal(1)) if value >= _WHOLE_FROM else (value * 2).quantize(Decimal(1)) / 2
        return f"about {rounded.normalize():f} cents"
    return "about " + min(_PARTS_OF_A_CENT, key=lambda part: max(part[0] / value, value / part[0]))[1]


# A page as it is reckoned for the price of one: about 500 words.
_WORDS_PER_PAGE = 500


def reads_words(context_tokens: int) -> str:
    """How much a model takes in at once, in pages of about 500 words: ``"reads 1,500 pages"``."""
    pages = int(context_tokens * WORDS_PER_TOKEN) // _WORDS_PER_PAGE
    return f"reads {count_of(max(_rounded(pages), 1), 'page', 'pages')}"


def _rounded(count: int) -> int:
    """A count as people say it, with two figures."""
    places = min(0, 2 - len(str(count)))
    return int(round(count, places))


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
    return amount + behind(amount, places)


def behind(amount: str, places: int) -> str:
    """Those spaces alone: what is underlined stands before them."""
    return "\N{NO-BREAK SPACE}" * max(places - places_of(amount), 0)


def places_of(amount: str) -> int:
    """How many figures an amount has behind its point."""
    return len(amount.rpartition(".")[2])


def whole_number(typed: object) -> object:
    """The number that a plain text of digits spells; anything else as it is, for whoever keeps it to refuse."""
    return int(typed) if isinstance(typed, str) and typed.isascii() and typed.isdecimal() else typed
