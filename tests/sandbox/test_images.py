"""Images, through the official SDKs and by the published formulas."""

import base64
import struct
import zlib

import anthropic
import openai
import pytest

from projectloom.pictures import image_size
from projectloom.sandbox import images

from .talking import Claude


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def data_url(data: bytes, media_type: str = "image/png") -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


async def test_images_are_seen_and_counted_by_the_published_formulas(talk):
    plain = await talk().say("What is this?").hear(tools=False)
    inline = await talk().show("What is this?", data_url(png(1_000, 600))).hear(tools=False)
    linked = await talk().show("What is this?", "https://example.com/loom.png").hear(tools=False, stream=True)
    counted = inline.usage[0] - plain.usage[0]
    # 1,000 × 600 / 750, and 32 × 19 patches × 1.62.
    assert counted == (800 if isinstance(inline, Claude) else 985)
    assert linked.usage[0] - plain.usage[0] == (4_784 if isinstance(inline, Claude) else 2_489)
    assert inline.text.startswith("I was shown 1 image.")


async def test_what_is_no_image_is_refused(talk):
    for url in (data_url(b"hello"), data_url(png(5, 5), "image/tiff"), data_url(png(0, 9)), "data:image/png;base64,!"):
        with pytest.raises((anthropic.BadRequestError, openai.BadRequestError)):
            await talk().show("What is this?", url).hear(tools=False)
    with pytest.raises((anthropic.BadRequestError, openai.BadRequestError)):
        await talk().show("What is this?", "file:///etc/hosts").hear(tools=False)


def test_sizes_are_read_from_each_kind_of_image():
    gif = b"GIF89a" + struct.pack("<HH", 30, 20)
    jpeg = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08" + struct.pack(">HH", 20, 30) + b"\0" * 9
    lossy = b"RIFF\0\0\0\0WEBPVP8 " + b"\0" * 10 + struct.pack("<HH", 30, 20)
    lossless = b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + (29 | 19 << 14).to_bytes(4, "little") + b"\0" * 9
    extended = b"RIFF\0\0\0\0WEBPVP8X" + b"\0" * 8 + (29).to_bytes(3, "little") + (19).to_bytes(3, "little")
    for data in (png(30, 20), gif, jpeg, lossy, lossless, extended):
        assert image_size(data) == (30, 20)
    for data in (b"", b"\xff\xd8", b"\xff\xd8\xff\xe0\x00\x00" * 9, b"GIF89a", b"RIFF\0\0\0\0WEBPVP8X", b"\x89PNG"):
        assert image_size(data) is None


def test_the_published_examples_of_image_tokens_come_out():
    assert images.anthropic_tokens("claude-sonnet-4-5", (200, 200)) == 54
    assert images.anthropic_tokens("claude-sonnet-4-5", (1_000, 1_000)) == 1_334
    assert images.anthropic_tokens("claude-sonnet-4-5", (8_000, 8_000)) == 1_600
    assert images.openai_tokens("gpt-4o", (1_024, 1_024), detail="high") == 765
    assert images.openai_tokens("gpt-4o", (2_048, 4_096), detail="high") == 1_105
    assert images.openai_tokens("gpt-4o", (4_096, 8_192), detail="low") == 85
    assert images.openai_tokens("gpt-6-luna", (1_024, 1_024), detail="auto") == 1_024
    assert images.openai_tokens("gpt-6-luna", (1_800, 2_400), detail="auto") == 1_452
