"""What may be attached is told from its bytes alone, and its name is only ever a name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projectloom import limits
from projectloom.attached import TEXT, clean_name, in_words, read_attached
from projectloom.errors import InvalidInput, TooLarge
from projectloom.texts import is_storable
from tests.pictures import KINDS, png


@pytest.mark.parametrize("media_type", KINDS)
def test_a_picture_is_what_its_bytes_say_whatever_its_name(media_type: str):
    for name in ("a.txt", "a.svg", "a.png", "page.html"):
        file = read_attached(name, KINDS[media_type](31, 17))
        assert (file.media_type, file.width, file.height, file.is_picture) == (media_type, 31, 17, True)


def test_markup_is_a_text_like_any_other_whatever_it_is_called():
    for data in (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", b"<!doctype html><p>x"):
        file = read_attached("picture.png", data)
        assert (file.media_type, file.width, file.data) == (TEXT, 0, data)


def test_a_text_is_kept_in_one_encoding():
    for data in ("Grüße\n".encode(), "\ufeffGrüße\n".encode(), "Grüße\n".encode("utf-16")):
        assert read_attached("a.txt", data).data == "Grüße\n".encode()


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01\x02",
        b"text with a \x00 in it",
        b"\xff\xfe\x00",
        b"caf\xe9 in another encoding",
        b"%PDF-1.7\nreadable",
        b"{\\rtf1 readable}",
        b"PK\x03\x04",
        b"\x89PNG\r\n\x1a\n",
        png()[:-6],
        png().replace(b"IDAT", b"IDAX"),
        png(0, 5),
        b"GIF89a\x01\x00\x01\x00",
        b"RIFF\xff\xff\xff\x00WEBPVP8X" + b"\0" * 30,
        b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08\x00\x05\x00\x05" + b"\0" * 9,
        b"BM\x00\x00",
    ],
    ids=repr,
)
def test_what_is_neither_a_whole_picture_nor_a_text_is_refused_by_name(data: bytes):
    with pytest.raises(InvalidInput, match=r"holiday\.png cannot be attached"):
        read_attached("holiday.png", data)


def test_nothing_is_ever_attached_empty():
    for data in (b"", b" \n\t ", b"\xef\xbb\xbf"):
        with pytest.raises(InvalidInput, match="is empty"):
            read_attached("a.txt", data)


def test_each_limit_holds_to_the_byte_and_the_pixel():
    assert read_attached("a.txt", b"x" * limits.MAX_TEXT_FILE_BYTES).size == limits.MAX_TEXT_FILE_BYTES
    side = limits.MAX_PICTURE_SIDE
    assert read_attached("a.png", png(side, 1)).width == side
    padded = KINDS["image/jpeg"]() + b"\0" * (limits.MAX_PICTURE_BYTES - len(KINDS["image/jpeg"]()))
    assert read_attached("a.jpg", padded).size == limits.MAX_PICTURE_BYTES
    for data in (b"x" * (limits.MAX_TEXT_FILE_BYTES + 1), png(side + 1, 1), png(1, side + 1), padded + b"\0"):
        with pytest.raises(TooLarge):
            read_attached("a", data)


def test_what_a_provider_is_sent_of_the_largest_picture_is_within_its_limit():
    assert -(-limits.MAX_PICTURE_BYTES // 3) * 4 <= 5 * 1024 * 1024


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ada\\plan.txt", "plan.txt"),
        ("/", "file"),
        ("", "file"),
        ("..", "file"),
        ("a\x00b.png", "ab.png"),
        ("NUL", "_NUL"),
        ("nul.txt", "_nul.txt"),
        ("com1.tar.gz", "_com1.tar.gz"),
        ("\u202egnp.exe", "gnp.exe"),
        ('"><script>.txt', "___script_.txt"),
        (" spaced   out .txt", "spaced out .txt"),
        ("Grüße 山.md", "Grüße 山.md"),
        ("x" * 300 + ".csv", "x" * 96 + ".csv"),
        ("line\nbreak.txt", "linebreak.txt"),
    ],
)
def test_a_name_becomes_one_that_is_only_a_name(given_name: str, kept: str):
    assert clean_name(given_name) == kept


@given(st.text() | st.text(alphabet='./\\"<>\0\n\u202e:nNuUlL', max_size=12))
def test_any_name_is_storable_bounded_and_leads_nowhere(name: str):
    kept = clean_name(name)
    assert kept
    assert is_storable(kept)
    assert len(kept) <= limits.MAX_FILE_NAME_CHARS + 1
    assert not set(kept) & set('/\\"<>\n\0:')
    assert kept.strip(".")
    assert clean_name(kept) == kept


def test_sizes_are_said_in_words():
    assert [in_words(size) for size in (1, 999, 1_500, 999_499, 999_500, 3_900_000, 20_000_000)] == [
        "1 bytes", "999 bytes", "2 kB", "999 kB", "1 MB", "3.9 MB", "20 MB",
    ]  # fmt: skip
