"""What the demonstration model says.

The same question always gets the same reply: a greeting a short one, a wish for length a long one, anything else a page
of Markdown that takes the question up and shows what the chat can draw. Every reply says that the sandbox speaks.
"""

import hashlib
import random
import re

from projectloom.sandbox.essay import CLOSING, OPENING, SECTIONS

TITLE_WORDS = 6
LONG_REPLY_WORDS = 500
LONG_REPLY_CHARS = 8_000
MAX_REPLY_CHARS = 60_000
CHARS_PER_WORD = 7
QUOTE_CHARS = 120

# A system text that asks for a conversation's name and nothing else.
_NAMES = re.compile(r"\bname conversations\b", re.IGNORECASE)
_GREETING = re.compile(
    r"\s*(hi|hiya|hello|hey|yo|good (morning|afternoon|evening)|thanks|thank you|ok|okay|ping|test|testing)\b"
    r"(,?\s+\w{1,12}){0,2}[.!?\s]*",
    re.IGNORECASE,
)
_LONG = re.compile(r"(?<!how )\blong(er)?\b|\bessays?\b|\bin[- ]depth\b|\bat length\b", re.IGNORECASE)
_WORDS_ASKED = re.compile(r"\b(\d{1,2},?\d{3}|\d{3,5})[ -]words?\b", re.IGNORECASE)
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|#~!$])")
_WORD = re.compile(r"[^\W\d_][\w'-]{3,}")
_COMMON = frozenset(
    """
    about above after again also answer because been before being between both could does doing down each essay
    explain from give have having here just like long longer make more most much need only other over please
    same should show some such tell than that their them then there these they this those through under until
    very want were what when where which while will with word words would write your
    """.split()  # noqa: SIM905 - eighty names, one to a line, would hide the rest of the file
)


def compose_reply(question: str, *, system: str = "") -> str:
    """The reply to the last thing a person said. ``system`` can ask for length too."""
    question = question.encode("utf-8", "replace").decode("utf-8").strip()
    chance = random.Random(hashlib.sha256(question.encode()).digest())  # noqa: S311 - variety, not secrecy
    if _GREETING.fullmatch(question) or not question:
        return chance.choice(_GREETINGS)
    if _NAMES.search(system):
        return _title(question)
    length = _length_asked(f"{system}\n{question}")
    if length:
        return _essay(question, chance, length)
    return _page(question, chance)


def _title(material: str) -> str:
    """A name for a conversation: what its question begins with."""
    lines = [line.strip(" #*>-") for line in material.removeprefix("Question:").splitlines()]
    words = next((line for line in lines if line), "A conversation").split()
    return " ".join(words[:TITLE_WORDS]).rstrip(".,;:!?")


def _length_asked(wishes: str) -> int:
    """How many characters a wish for length asks for; 0 if there is none."""
    asked = _WORDS_ASKED.search(wishes)
    words = int(asked[1].replace(",", "")) if asked else 0
    if words >= LONG_REPLY_WORDS:
        return max(LONG_REPLY_CHARS, min(words * CHARS_PER_WORD, MAX_REPLY_CHARS))
    return LONG_REPLY_CHARS if _LONG.search(wishes) else 0


def _quote(question: str) -> str:
    """The question on one line, cut at a word, with everything that Markdown would read as markup made plain."""
    line = " ".join(question.split())
    if len(line) > QUOTE_CHARS:
        line = line[:QUOTE_CHARS].rsplit(" ", 1)[0] + " …"
    return _MARKDOWN.sub(r"\\\1", line)


def _topics(question: str) -> list[str]:
    """Up to three telling words of the question, in its order."""
    words = dict.fromkeys(word for word in _WORD.findall(question[:4_000]) if word.lower() not in _COMMON)
    longest = sorted(words, key=len, reverse=True)[:3]
    return [_MARKDOWN.sub(r"\\\1", word[:40]) for word in words if word in longest]


def _page(question: str, chance: random.Random) -> str:
    topics = _topics(question)
    subject = " and ".join(topics[:2]) if topics else "your question"
    return "\n\n".join(
        [
            f"## {chance.choice(_HEADINGS)}",
            f"You asked: “{_quote(question)}”. {chance.choice(_ANSWERS).format(subject=subject)}",
            f"**{chance.choice(_LIST_LEADS).format(subject=subject)}**\n\n"
            + "\n".join(f"- {line.format(subject=subject)}" for line in chance.sample(_POINTS, 3)),
            chance.choice(_CODE),
            chance.choice(_TABLES),
            f"*This is the sandbox speaking: no model read your words. {chance.choice(_FAREWELLS)}*",
        ]
    )


def _essay(question: str, chance: random.Random, length: int) -> str:
    """At least ``length`` characters: sections in turn, each round under its own heading."""
    subject = " and ".join(_topics(question)[:2]) or "the question"
    parts = [f"# On {subject}", f"You asked: “{_quote(question)}”. {OPENING}", chance.choice(_TABLES)]
    written = sum(map(len, parts))
    number = 0
    while written < length:
        title, text = SECTIONS[number % len(SECTIONS)]
        number += 1
        parts.append(f"## {number}. {title}\n\n" + text.format(subject=subject))
        written += len(parts[-1])
        if number % 5 == 0:
            parts.append(_CODE[number // 5 % len(_CODE)])
    return "\n\n".join([*parts, CLOSING])


_GREETINGS = (
    "Hello! This is the **sandbox** speaking, a stand-in for a real model. Ask me anything and watch what it costs.",
    "Hi there. I am the **sandbox** model: I sound like an assistant, and nobody real is called. What shall we try?",
    "Hello, and welcome. You are talking to the **sandbox**; the credits are pretend, the arithmetic is not.",
)

_HEADINGS = ("A short answer", "Here is one way to see it", "Taking it step by step", "A first look")

_ANSWERS = (
    "A real model would now reason about {subject}; I can show you the shape such an answer takes, and what it costs.",
    "With {subject} it helps to say first what would count as a good answer, and only then to go looking for it.",
    "The quickest way into {subject} is a small example that you can change, so let us begin with one.",
)

_LIST_LEADS = (
    "Three things worth knowing about {subject}",
    "Before going further with {subject}",
    "What to look at first",
)

_POINTS = (
    "**Begin small.** One example that works teaches more about {subject} than a page of theory.",
    "**Write the question down.** Half of the trouble with {subject} is that people answer different questions.",
    "**Measure before you change.** A number from yesterday makes today's number mean something.",
    "**Name the trade-off.** Whatever is gained with {subject} is paid for somewhere; find out where.",
    "**Keep the last version.** Being able to go back makes it cheap to be bold.",
    "**Ask who it is for.** The right answer about {subject} differs between an expert and a newcomer.",
)

_CODE = (
    '```python\ndef average(values: list[float]) -> float:\n    """The mean, or an error that says what was wrong."""\n'
    '    if not values:\n        raise ValueError("nothing to average")\n    return sum(values) / len(values)\n\n\n'
    "print(average([3, 5, 10]))  # 6.0\n```",
    '```python\nfrom collections import Counter\n\ntext = "to be or not to be"\n'
    "for word, times in Counter(text.split()).most_common(3):\n"
    '    print(f"{word:<4}{times}")\n```',
    '```python\nfrom decimal import Decimal\n\nprice_per_million = Decimal("2.00")\ntokens = 1_250\n'
    'print(f"${price_per_million * tokens / 1_000_000}")  # $0.0025\n```',
)

_TABLES = (
    "| Step | What it gives | Effort |\n| --- | --- | ---: |\n| Sketch | a shape to argue about | 10 min |\n"
    "| Draft | something to improve | 1 hour |\n| Review | fewer surprises | 30 min |",
    "| Approach | Good when | Watch out for |\n| --- | --- | --- |\n| Simple | the question is clear | hidden cases |\n"
    "| Thorough | a mistake is dear | lost time |\n| Playful | nobody knows yet | no record |",
    "| Unit | Roughly | Example |\n| --- | ---: | --- |\n| 1 token | 4 characters | “loom” |\n"
    "| 1 page | 700 tokens | a letter |\n| 1 book | 130,000 tokens | a novel |",
)

_FAREWELLS = (
    "Ask for “a long essay” to see a reply that takes its time.",
    "The receipt below this reply counts its tokens exactly as a real one would.",
    "Set a provider's key on the server and the same chat speaks to the real thing.",
)
