"""A secret that is made at the first start and kept in a file beside the data, where none is configured."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from projectloom import limits


def kept_secret(path: Path) -> str:
    """The secret in this file, made where there is none. Raises ValueError for a file that holds no secret."""
    if not path.exists():
        _make_secret(path)
    kept = path.read_text(encoding="ascii", errors="replace").strip()
    if len(kept) < limits.MIN_SECRET_CHARS:
        raise ValueError(
            f"{path} holds no secret. Put it back, or delete it to have a new one made; the API keys that people "
            "stored must then be entered again."
        )
    return kept


def _make_secret(path: Path) -> None:
    # Written in full before it has its name: a process that starts at the same time never reads half a secret.
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(secrets.token_hex(32))
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
