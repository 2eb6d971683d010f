"""Everything that is a person's, as one ZIP archive that is written while it is sent.

Memory is bounded by one page of messages and what the compressor keeps; no transaction outlives a page.
"""

import json
import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from projectloom.accounts.users import email_of
from projectloom.belongings.files import file_name, json_file, markdown_file
from projectloom.belongings.reading import Head, all_ids, read_all, read_head
from projectloom.billing.statement import statement_csv
from projectloom.db import reading
from projectloom.errors import NotFound
from projectloom.metering.caps import read_caps
from projectloom.metering.receipts import Receipt, list_receipts
from projectloom.money import usd_string
from projectloom.workspace.api_keys import my_keys
from projectloom.workspace.preferences import provider_keys, read_preferences

_ABOUT = """\
Everything of yours from ProjectLoom.

conversations/  each conversation twice: .md to read, .json to bring in again (Settings, Your data)
account.json    your e-mail, preferences, caps and the hints of your keys; no key is in it
usage.jsonl     one line for each reply: model, tokens, what it cost and who paid
statement.csv   every movement of your credits
"""
_FLUSH_BYTES = 65_536


def archive(user_id: str) -> Iterator[bytes]:
    """The archive, piece by piece."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as made:
        for name, pieces in _files(user_id):
            with made.open(_entry(name), "w", force_zip64=True) as out:
                for piece in pieces:
                    out.write(piece.encode(errors="replace"))
                    if sink.size >= _FLUSH_BYTES:
                        yield sink.taken()
    yield sink.taken()


def _files(user_id: str) -> Iterator[tuple[str, Iterable[str]]]:
    yield "README.txt", [_ABOUT]
    yield "account.json", [json.dumps(_account(user_id), ensure_ascii=False, indent=1) + "\n"]
    for number, conversation_id in enumerate(all_ids(user_id), start=1):
        try:
            head = read_head(user_id, conversation_id, trash=True)
        except NotFound:
            # Gone since its id was read.
            continue
        yield _name(number, head, "md"), markdown_file(head, read_all(user_id, conversation_id))
        yield _name(number, head, "json"), json_file(head, read_all(user_id, conversation_id, content=True))
    yield "usage.jsonl", _usage(user_id)
    yield "statement.csv", statement_csv(user_id)


def _name(number: int, head: Head, ending: str) -> str:
    folder = "conversations/in-trash" if head.in_trash else "conversations"
    return f"{folder}/{number:05}-{file_name(head.title, ending)}"


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, datetime.now(UTC).timetuple()[:6])
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    return entry


def _account(user_id: str) -> dict[str, object]:
    with reading() as session:
        email = email_of(session, user_id=user_id)
    chosen = read_preferences(user_id)
    return {
        "email": email,
        "apiKeyMode": chosen.api_key_mode,
        "defaultModel": chosen.default_model,
        "caps": {cap.scope.value: usd_string(cap.limit_nanos) for cap in read_caps(user_id)},
        "providerKeys": {key.provider: key.hint for key in provider_keys(user_id)},
        "accessKeys": [{"name": key.name, "hint": key.hint} for key in my_keys(user_id)],
    }


def _usage(user_id: str) -> Iterator[str]:
    before = None
    while page := list_receipts(user_id, before=before):
        yield "".join(json.dumps(_line(receipt), ensure_ascii=False) + "\n" for receipt in page)
        before = page[-1].usage_id


def _line(receipt: Receipt) -> dict[str, object]:
    return {
        "turnId": receipt.turn_id,
        "date": receipt.created_at.isoformat(),
        "provider": receipt.provider,
        "model": receipt.model,
        "source": receipt.source,
        "paidWith": receipt.funding,
        "inputTokens": receipt.usage.total_input_tokens,
        "outputTokens": receipt.usage.output_tokens,
        "chargedUsd": usd_string(receipt.charged_nanos),
        "providerCostUsd": usd_string(receipt.provider_cost_nanos),
    }


class _Sink:
    """Where the archive is written: an end that cannot be gone back in, emptied again and again."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.size = 0

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing waits anywhere."""

    def close(self) -> None:
        """There is nothing to close."""

    def taken(self) -> bytes:
        data = b"".join(self._pieces)
        self._pieces, self.size = [], 0
        return data
