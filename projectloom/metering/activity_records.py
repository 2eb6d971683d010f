"""The single replies behind the activity, a page at a time, and the same lines as a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_
from sqlmodel import Session, col, select

from projectloom import limits
from projectloom.db import reading
from projectloom.metering.activity import conversation_titles, key_names
from projectloom.metering.activity_wanted import Wanted, records_of
from projectloom.metering.models import Funding, UsageRecord
from projectloom.money import Nanos, usd_string
from projectloom.texts import csv_line, inert

CSV_HEADER = (
    "date,model,source,paid_with,conversation,access_key,input_tokens,output_tokens,"
    "charged_usd,own_key_usd,usage_record\r\n"
)

PAYER_WORDS = {Funding.CREDITS: "credits", Funding.OWN_KEY: "your own key"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: the next begins after it."""

    created_at: datetime
    usage_id: str


@dataclass(frozen=True, slots=True)
class ReplyRecord:
    """One reply."""

    usage_id: str
    turn_id: str
    created_at: datetime
    model: str
    source: str
    funding: str
    input_tokens: int
    """All input pools together."""
    output_tokens: int
    charged_nanos: Nanos
    own_key_nanos: Nanos
    """What the provider asked of the person's own key."""
    conversation_id: str
    """Empty where it belongs to none."""
    conversation: str
    """Its title; empty where it belongs to none, or to one that was deleted."""
    key: str
    """The name of the access key that it came with; empty where it came with none."""

    @property
    def place(self) -> Place:
        """Where it stands."""
        return Place(self.created_at, self.usage_id)


def list_records(
    user_id: str, wanted: Wanted, *, after: Place | None = None, most: int = limits.ACTIVITY_PAGE
) -> list[ReplyRecord]:
    """One page of a person's replies, the latest first, after a place if one is given."""
    moment, name = col(UsageRecord.created_at), col(UsageRecord.id)
    query = select(UsageRecord).where(*records_of(user_id, wanted)).order_by(moment.desc(), name.desc()).limit(most)
    if after is not None:
        # Said twice, so that the index finds the place.
        query = query.where(moment <= after.created_at, or_(moment < after.created_at, name < after.usage_id))
    with reading() as session:
        return _told(session, user_id, list(session.exec(query).all()))


def records_csv(user_id: str, wanted: Wanted) -> Iterator[str]:
    """The same lines as comma-separated values, page after page: what is seen is what is exported."""
    yield CSV_HEADER
    after: Place | None = None
    while page := list_records(user_id, wanted, after=after, most=limits.ACTIVITY_FILE_PAGE):
        yield "".join(_line(record) for record in page)
        after = page[-1].place


def _told(session: Session, user_id: str, rows: list[UsageRecord]) -> list[ReplyRecord]:
    titles = conversation_titles(session, user_id, (row.conversation_id for row in rows))
    names = key_names(session, user_id, (row.api_key_id for row in rows))
    return [
        ReplyRecord(
            usage_id=row.id,
            turn_id=row.turn_id,
            created_at=row.created_at,
            model=row.model,
            source=row.source,
            funding=row.funding,
            input_tokens=row.input_tokens
            + row.cache_read_tokens
            + row.cache_write_5m_tokens
            + row.cache_write_1h_tokens,
            output_tokens=row.output_tokens,
            charged_nanos=Nanos(row.charged_nanos),
            own_key_nanos=Nanos(row.provider_cost_nanos if row.funding == Funding.OWN_KEY else 0),
            conversation_id=row.conversation_id or "",
            conversation=titles.get(row.conversation_id or "", ""),
            key=names.get(row.api_key_id or "", ""),
        )
        for row in rows
    ]


def _line(record: ReplyRecord) -> str:
    return csv_line(
        (
            record.created_at.isoformat(timespec="seconds"),
            inert(record.model),
            record.source,
            PAYER_WORDS[Funding(record.funding)],
            inert(record.conversation),
            inert(record.key),
            str(record.input_tokens),
            str(record.output_tokens),
            usd_string(record.charged_nanos),
            usd_string(record.own_key_nanos),
            record.usage_id,
        )
    )
