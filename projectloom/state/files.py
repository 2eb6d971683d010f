"""Files of messages as the page shows them: in the composer, and in the thread."""

from collections.abc import Iterable
from dataclasses import dataclass

from projectloom.attached import Attached, in_words


@dataclass(frozen=True)
class FileRow:
    """One file. A picture has its size in pixels, so that the page keeps its place while it loads."""

    id: str = ""
    name: str = ""
    picture: bool = False
    size: str = ""
    width: int = 0
    height: int = 0


def file_rows(files: Iterable[Attached]) -> list[FileRow]:
    """The rows of these files, in their order."""
    return [
        FileRow(file.id, file.name, file.is_picture, in_words(file.size), file.width, file.height) for file in files
    ]
