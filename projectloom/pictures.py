"""What kind of picture a file is and how large, told from its first bytes and its outline; nothing is decoded.

A name and a declared type are somebody's claim. What a file begins with is what a browser and a model go by.
"""

import struct
import zlib
from dataclasses import dataclass

Size = tuple[int, int]

_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture's type and its size in pixels."""

    media_type: str
    width: int
    height: int


def picture_of(data: bytes) -> Picture | None:
    """A whole PNG, JPEG, GIF or WebP picture; None if it is none of these, or was cut off."""
    media_type, size = _media_type(data), image_size(data)
    if media_type is None or size is None or not min(size) or not _is_whole(media_type, data):
        return None
    return Picture(media_type, *size)


def image_size(data: bytes) -> Size | None:
    """Width and height of a PNG, GIF, WebP or JPEG image in pixels; None if it is none of these."""
    if data.startswith(_PNG) and len(data) >= 24:
        return struct.unpack(">II", data[16:24])
    if data.startswith((b"GIF87a", b"GIF89a")) and len(data) >= 10:
        return struct.unpack("<HH", data[6:10])
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP" and len(data) >= 30:
        return _webp_size(data)
    return _jpeg_size(data) if data.startswith(b"\xff\xd8") else None


def _media_type(data: bytes) -> str | None:
    if data.startswith(_PNG):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    return "image/webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def _is_whole(media_type: str, data: bytes) -> bool:
    """Whether the file has its end: a model refuses a picture that was cut off, and every reply after it."""
    match media_type:
        case "image/png":
            return _is_whole_png(data)
        case "image/jpeg":
            return b"\xff\xd9" in data[4:]
        case "image/gif":
            return b";" in data[13:]
        case _:
            return int.from_bytes(data[4:8], "little") + 8 <= len(data)


def _is_whole_png(data: bytes) -> bool:
    """Chunks with the right sums, from a header of the right length to the end (PNG specification, 5)."""
    at, kinds = len(_PNG), list[bytes]()
    while at + 12 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + 8 + length
        if zlib.crc32(data[at + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            return False
        if not kinds and (kind, length) != (b"IHDR", 13):
            return False
        kinds.append(kind)
        if kind == b"IEND":
            return b"IDAT" in kinds
        at = end + 4
    return False


def _webp_size(data: bytes) -> Size | None:
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", data[26:30])
        return width & 0x3FFF, height & 0x3FFF
    return None


def _jpeg_size(data: bytes) -> Size | None:
    """The size stands in the frame's header, behind other segments (ITU T.81, B.2.2)."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + length
    return None
