"""One conversation as a file: JSON that can be brought in again, or Markdown to read.

The Markdown is inert: what somebody wrote as HTML is written so that it shows as text and never becomes part of a page.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator

from projectloom.attached import in_words
from projectloom.belongings.reading import Head, Said

FORMAT = "projectloom.conversation"
VERSION = 1

_SPEAKERS = {"user": "You", "assistant": "Reply", "system": "Instructions"}
_FENCE = re.compile(r"^\s{0,3}(`{3,}|~{3,})")
_CODE_SPAN = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")
_MAX_NAME_CHARS = 60


def json_file(head: Head, messages: Iterable[Said]) -> Iterator[str]:
    """The conversation as JSON, piece by piece."""
    values = {"format": FORMAT, "version": VERSION} | head.values() | {"instructions": head.instructions}
    yield json.dumps(values, ensure_ascii=False, indent=1)[:-2] + ',\n "messages": ['
    mark = "\n  "
    for message in messages:
        yield mark + json.dumps(message.values(), ensure_ascii=False)
        mark = ",\n  "
    yield "\n ]\n}\n"


def markdown_file(head: Head, messages: Iterable[Said]) -> Iterator[str]:
    """The conversation as Markdown, piece by piece."""
    yield f"# {_inert(' '.join(head.title.split()))}\n\n{head.created_at:%d %B %Y, %H:%M} UTC\n"
    if head.instructions:
        yield f"\n## {_SPEAKERS['system']}\n\n{_inert(head.instructions)}\n"
    for message in messages:
        speaker = _SPEAKERS.get(message.role, message.role)
        yield f"\n## {speaker} · {message.created_at:%d %B %Y, %H:%M}\n\n{_inert(message.text)}\n"
        for file in message.attached:
            yield f"\nAttached: {_inert(file.name)} ({in_words(file.size)})\n"


def file_name(title: str, ending: str) -> str:
    """A name that every system takes, and that no spreadsheet or page could take for anything but a name."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    words = re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-")[:_MAX_NAME_CHARS].rstrip("-")
    return f"{words or 'conversation'}.{ending}"


def _inert(text: str) -> str:
    """Markdown with every ``<`` outside of code made a plain sign."""
    lines: list[str] = []
    fence = ""
    for line in text.split("\n"):
        found = _FENCE.match(line)
        if fence:
            if found is not None and line.strip() == found[1] and found[1].startswith(fence):
                fence = ""
            lines.append(line)
        elif found is not None:
            fence = found[1]
            lines.append(line)
        else:
            lines.append(_inert_line(line))
    if fence:
        # What was cut off in the middle of code must not swallow what follows.
        lines.append(fence)
    return "\n".join(lines)


def _inert_line(line: str) -> str:
    made, place = "", 0
    for span in _CODE_SPAN.finditer(line):
        made += line[place : span.start()].replace("<", "&lt;") + span[0]
        place = span.end()
    return made + line[place:].replace("<", "&lt;")
