"""Text that can be kept: JSON and sockets can spell what no database or encoder takes."""


def is_storable(text: str) -> bool:
    """Whether a database and an encoder take the text: no NUL, no half of a surrogate pair."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
