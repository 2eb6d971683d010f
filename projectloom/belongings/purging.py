"""Emptying the trash: what has lain there for the named number of days goes for good, with every word said in it.

The books keep what it cost: its turns and usage stay, without a word and without the conversation.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, update
from sqlmodel import Session, SQLModel, col, select

from projectloom import limits
from projectloom.assistants.agent_models import AgentRun
from projectloom.belongings.deleting import BOOKS, NAMELESS, WORDLESS
from projectloom.config import settings
from projectloom.conversations.models import Conversation, Message
from projectloom.db import database_now, transaction
from projectloom.metering.models import Turn, is_open

_log = logging.getLogger(__name__)


def purge_trash() -> int:
    """Delete what has been in the trash for longer than :data:`Settings.trash_days`; how many conversations."""
    purged = 0
    while some := _purge_some():
        purged += some
    if purged:
        _log.info("emptied the trash", extra={"conversations": purged})
    return purged


def _purge_some() -> int:
    with transaction() as session:
        ids = _due(session)
        if ids:
            _delete_rows(session, ids)
    return len(ids)


def _due(session: Session) -> Sequence[str]:
    before = database_now(session) - timedelta(days=settings().trash_days)
    at_work = select(Turn.id).where(Turn.conversation_id == Conversation.id, is_open()).exists()
    query = select(Conversation.id).where(col(Conversation.deleted_at) < before, ~at_work)
    # Locked, so that somebody who restores one at this moment either keeps it whole or is told that it is gone.
    return session.exec(query.order_by(col(Conversation.id)).limit(limits.PURGE_BATCH).with_for_update()).all()


def _delete_rows(session: Session, ids: Sequence[str]) -> None:
    turns = update(Turn).where(col(Turn.conversation_id).in_(ids))
    session.connection().execute(turns.values(conversation_id=None, **WORDLESS))
    theirs = {
        "conversations": ids,
        "agent_runs": select(AgentRun.id).where(col(AgentRun.conversation_id).in_(ids)),
        "messages": select(Message.id).where(col(Message.conversation_id).in_(ids)),
    }
    for table in reversed(SQLModel.metadata.sorted_tables):
        if table.name in BOOKS | NAMELESS:
            continue
        for key in table.foreign_keys:
            # A message that follows another goes with its conversation.
            if key.column.table.name in theirs and key.column.table is not table:
                session.connection().execute(delete(table).where(key.parent.in_(theirs[key.column.table.name])))
    session.connection().execute(delete(Conversation).where(col(Conversation.id).in_(ids)))
