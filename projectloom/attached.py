"""A file that goes with a message: read from its bytes, never from what its name or sender says it is.

A picture or a text; everything else is refused. Rooms that do not know each other pass it on: the one that keeps it,
the meter that counts it and the doors of the providers.
"""

import hashlib
import unicodedata
from dataclasses import dataclass, field

from projectloom import limits
from projectloom.errors import InvalidInput, TooLarge
from projectloom.pictures import picture_of

TEXT = "text/plain"

# Letters that some system takes for more than a part of a name, or that a page or a prompt would.
_NOT_IN_NAMES = str.maketrans(dict.fromkeys('<>"|?*:&', "_"))
# Windows takes these for devices, whatever ending they have.
_DEVICES = frozenset({"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10))})
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
# Of text that is no text to anybody: what formats of programs begin with, though their first lines can be read.
_NO_TEXT = (b"%PDF-", b"{\\rtf", b"%!PS")


def limits_in_words() -> str:
    """What can be attached, said before anybody tries."""
    return (
        f"Up to {limits.MAX_ATTACHED} files: PNG, JPEG, GIF or WebP pictures to {in_words(limits.MAX_PICTURE_BYTES)} "
        f"and {limits.MAX_PICTURE_SIDE:,} pixels a side, text files to {in_words(limits.MAX_TEXT_FILE_BYTES)}."
    )


@dataclass(frozen=True, slots=True)
class Attached:
    """One file. Neither its name nor its content shows in a repr."""

    name: str = field(repr=False)
    media_type: str
    size: int
    """In bytes."""
    digest: str = field(repr=False)
    width: int = 0
    """In pixels; 0 for a text."""
    height: int = 0
    data: bytes = field(default=b"", repr=False)
    """Empty for a picture of which only the size is asked."""
    id: str = ""
    """Of the one that is kept; empty while it is not."""

    def values(self) -> dict[str, object]:
        """As JSON has it, without its content."""
        return {
            "id": self.id,
            "name": self.name,
            "mediaType": self.media_type,
            "bytes": self.size,
            "width": self.width,
            "height": self.height,
        }

    @property
    def is_picture(self) -> bool:
        """Whether it is a picture, and else a text."""
        return self.media_type != TEXT

    @property
    def told(self) -> str:
        """A text file as a model reads it."""
        return f'<file name="{self.name}">\n{self.data.decode(errors="replace")}\n</file>'


def read_attached(name: str, data: bytes) -> Attached:
    """A file that somebody sends. A text is kept in UTF-8.

    Raises:
        InvalidInput: it is empty, or neither a picture nor a text that models take. TooLarge: it is over its limit.
    """
    name = clean_name(name)
    if not data:
        raise InvalidInput(f"{name} is empty.")
    picture = picture_of(data)
    if picture is None:
        text = _text_in(name, data)
        return Attached(name, TEXT, len(text), hashlib.sha256(text).hexdigest(), data=text)
    if len(data) > limits.MAX_PICTURE_BYTES:
        raise TooLarge(f"{name} is larger than {in_words(limits.MAX_PICTURE_BYTES)}.")
    if max(picture.width, picture.height) > limits.MAX_PICTURE_SIDE:
        raise TooLarge(f"{name} is more than {limits.MAX_PICTURE_SIDE:,} pixels wide or high.")
    digest = hashlib.sha256(data).hexdigest()
    return Attached(name, picture.media_type, len(data), digest, picture.width, picture.height, data)


def clean_name(name: str) -> str:
    """A name that is one on every system and in every page: no folders, nothing invisible, not too long."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2].translate(_NOT_IN_NAMES)
    shown = "".join(letter for letter in last if unicodedata.category(letter)[0] != "C")
    shown = " ".join(shown.split()).strip(". ")
    if len(shown) > limits.MAX_FILE_NAME_CHARS:
        stem, dot, ending = shown.rpartition(".")
        kept = f"{dot}{ending}" if dot and len(ending) < 10 else ""
        shown = (stem if kept else shown)[: limits.MAX_FILE_NAME_CHARS - len(kept)].rstrip() + kept
    return f"_{shown}" if shown.partition(".")[0].upper() in _DEVICES else shown or "file"


def in_words(size: int) -> str:
    """A number of bytes for people: ``"12 kB"``."""
    if size < 1_000:
        return f"{size} bytes"
    if size < 999_500:
        return f"{size / 1_000:.0f} kB"
    return f"{size / 1_000_000:.1f}".removesuffix(".0") + " MB"


def _text_in(name: str, data: bytes) -> bytes:
    """The text of a file in UTF-8. Raises InvalidInput, TooLarge."""
    refused = InvalidInput(f"{name} cannot be attached. Attach PNG, JPEG, GIF or WebP pictures, or text files.")
    if data.startswith(_NO_TEXT):
        raise refused
    try:
        text = data.decode("utf-16" if data.startswith(_UTF_16) else "utf-8-sig")
    except UnicodeDecodeError:
        raise refused from None
    if any(letter < " " and letter not in "\t\n\r\f\x1b" for letter in set(text)):
        raise refused
    if not text.strip():
        raise InvalidInput(f"{name} is empty.")
    written = text.encode()
    if len(written) > limits.MAX_TEXT_FILE_BYTES:
        raise TooLarge(f"{name} is larger than {in_words(limits.MAX_TEXT_FILE_BYTES)}, the most for a text.")
    return written
