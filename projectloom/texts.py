"""Text that can be kept, and lines of a file for spreadsheets in which nothing is a formula.

JSON and sockets can spell what no database or encoder takes.
"""

from collections.abc import Iterable

# A cell that begins with one of these is a formula to a spreadsheet (https://owasp.org/www-community/attacks/CSV_Injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


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
