"""Text that can be kept, that is compared without accents, and lines of a file in which nothing is a formula.

JSON and sockets can spell what no database or encoder takes.
"""

import re
import unicodedata
from collections.abc import Iterable

# A cell that begins with one of these is a formula to a spreadsheet (https://owasp.org/www-community/attacks/CSV_Injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def _bases() -> dict[int, str]:
    """Latin letters with accents, each as one sign, and the plain letter that it is made of."""
    found: dict[int, str] = {}
    for code in (*range(0x00C0, 0x0250), *range(0x1E00, 0x1F00)):
        base = unicodedata.normalize("NFD", chr(code))[0]
        if base.isascii() and base.isalpha():
            found[code] = base
    return found


_BASES = _bases()
_ACCENTED = re.compile(f"[{''.join(map(chr, _BASES))}\u0300-\u036f]")
_MARK = re.compile("[\u0300-\u036f]")


def composed(text: str) -> str:
    """The text with each letter and the accents after it as one sign, where there is one (NFC)."""
    return text if text.isascii() or not _MARK.search(text) else unicodedata.normalize("NFC", text)


def folded(text: str) -> str:
    """The text without the accents of Latin letters, sign for sign as long as :func:`composed` has it.

    So does the index of words (migration 0024). Marks of other scripts tell words apart, and stay.
    """
    return text if text.isascii() or not _ACCENTED.search(text) else composed(text).translate(_BASES)


def is_storable(text: str) -> bool:
    """Whether a database and an encoder take the text: no NUL, no half of a surrogate pair."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def csv_line(cells: Iterable[str]) -> str:
    """One line of comma-separated values, quoted where it must be (RFC 4180)."""
    return ",".join(_quoted(cell) for cell in cells) + "\r\n"


def inert(text: str) -> str:
    """A person's own words as a cell that no spreadsheet reckons with."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if any(mark in cell for mark in ',"\r\n') else cell
