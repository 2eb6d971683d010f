"""What an agent proposes, and the one place where any of it is done: on the person's own decision, once."""

import json
from typing import Any, Literal

from sqlmodel import Session, col, func, select

from projectloom import limits
from projectloom.assistants.agent_models import AgentProposal, ProposalKind, ProposalState
from projectloom.assistants.agent_runs import ProposalView, find_run, view_of
from projectloom.clock import now
from projectloom.conversations.chats import (
    copy_branch,
    find_conversation,
    find_message,
    read_messages,
    rename,
    set_deleted,
)
from projectloom.conversations.models import Conversation
from projectloom.db import reading, transaction
from projectloom.errors import InvalidInput, NotFound, ProposalDecided, ProposalStale
from projectloom.ids import new_id
from projectloom.texts import is_storable

Decision = Literal["confirm", "decline"]


def propose_rename(user_id: str, run_id: str, *, conversation_id: str, title: str) -> ProposalView:
    """Note that a conversation might be named otherwise. Changes nothing of it.

    Raises:
        NotFound: it is not the person's. InvalidInput: the title is none, or the present one.
    """
    trimmed = " ".join(title.split())
    if not trimmed or len(trimmed) > limits.MAX_TITLE_CHARS:
        raise InvalidInput(f"A title has between 1 and {limits.MAX_TITLE_CHARS} characters.")
    with transaction() as session:
        before = find_conversation(session, user_id=user_id, conversation_id=conversation_id).title
        if before == trimmed:
            raise InvalidInput("The conversation has that title already.")
        payload = {"conversationId": conversation_id, "title": trimmed, "titleBefore": before}
        return _keep(session, user_id, run_id, ProposalKind.RENAME, payload)


def propose_branch(user_id: str, run_id: str, *, conversation_id: str, message_id: str, reason: str) -> ProposalView:
    """Note that a new conversation might go on from a message. Changes nothing.

    Raises:
        NotFound: the conversation is not the person's, or the message is not in it.
    """
    with transaction() as session:
        title = find_conversation(session, user_id=user_id, conversation_id=conversation_id).title
        find_message(session, conversation_id=conversation_id, message_id=message_id)
        payload = {"conversationId": conversation_id, "messageId": message_id, "reason": reason, "title": title}
        return _keep(session, user_id, run_id, ProposalKind.BRANCH, payload)


def decide(user_id: str, run_id: str, proposal_id: str, decision: Decision) -> ProposalView:
    """Do what was proposed, or decline it. The same decision again, or twice at once, does nothing more.

    Raises:
        NotFound: there is no such proposal, or it is somebody else's.
        ProposalStale: it no longer fits; nothing was done. ProposalDecided: it was decided the other way before.
    """
    wanted = ProposalState.CONFIRMED if decision == "confirm" else ProposalState.DECLINED
    with transaction() as session:
        row = _locked(session, user_id, run_id, proposal_id)
        if row.state == ProposalState.PROPOSED:
            row.state, row.decided_at = wanted, now()
            if wanted == ProposalState.CONFIRMED and not _carry_out(session, user_id, row):
                row.state = ProposalState.STALE
            session.add(row)
    if row.state == ProposalState.STALE:
        raise ProposalStale
    if row.state != wanted:
        raise ProposalDecided
    return view_of(row)


def decide_all(user_id: str, run_id: str, decision: Decision) -> int:
    """Decide every proposal of a run that still waits, each by itself; how many could not be done any more.

    Raises:
        NotFound: there is no such run, or it is somebody else's.
    """
    with reading() as session:
        find_run(session, user_id=user_id, run_id=run_id)
        query = select(AgentProposal.id).where(
            AgentProposal.run_id == run_id, AgentProposal.state == ProposalState.PROPOSED
        )
        waiting = session.exec(query.order_by(col(AgentProposal.id))).all()
    missed = 0
    for proposal_id in waiting:
        try:
            decide(user_id, run_id, proposal_id, decision)
        except (ProposalStale, ProposalDecided):
            missed += 1
    return missed


def take_back(user_id: str, run_id: str, proposal_id: str) -> ProposalView:
    """Undo what a confirmed proposal did: the old title comes back, a branch goes to the trash. Again does no more.

    Raises:
        NotFound: there is no such proposal, or it is somebody else's. ProposalDecided: nothing was done that could be
        undone. ProposalStale: it has changed since, so undoing would take away more; nothing was done.
    """
    with transaction() as session:
        row = _locked(session, user_id, run_id, proposal_id)
        if row.state == ProposalState.TAKEN_BACK:
            return view_of(row)
        if row.state != ProposalState.CONFIRMED:
            raise ProposalDecided
        if not _undo(session, user_id, row):
            raise ProposalStale("This has changed since, so it was left as it is.")
        row.state = ProposalState.TAKEN_BACK
        session.add(row)
    return view_of(row)


def _keep(session: Session, user_id: str, run_id: str, kind: ProposalKind, payload: dict[str, Any]) -> ProposalView:
    find_run(session, user_id=user_id, run_id=run_id)
    made = select(func.count()).select_from(AgentProposal).where(AgentProposal.run_id == run_id)
    if session.exec(made).one() >= limits.MAX_AGENT_PROPOSALS:
        raise InvalidInput("Enough has been proposed.")
    row = AgentProposal(id=new_id("prop"), run_id=run_id, kind=kind, payload_json=json.dumps(payload))
    session.add(row)
    session.flush()
    return view_of(row)


def _locked(session: Session, user_id: str, run_id: str, proposal_id: str) -> AgentProposal:
    find_run(session, user_id=user_id, run_id=run_id)
    row = None
    if is_storable(proposal_id):
        row = session.get(AgentProposal, proposal_id, with_for_update=True, populate_existing=True)
    if row is None or row.run_id != run_id:
        raise NotFound("There is no such proposal.")
    return row


def _carry_out(session: Session, user_id: str, row: AgentProposal) -> bool:
    """Do what was proposed; False when the thing is gone or no longer as it was."""
    payload = json.loads(row.payload_json)
    conversation_id = payload["conversationId"]
    # Locked, so that nobody renames it between the look and the deed.
    session.get(Conversation, conversation_id, with_for_update=True, populate_existing=True)
    try:
        conversation = find_conversation(session, user_id=user_id, conversation_id=conversation_id)
        if row.kind == ProposalKind.RENAME:
            if conversation.title != payload["titleBefore"]:
                return False
            rename(session, user_id=user_id, conversation_id=conversation_id, title=payload["title"])
        else:
            branch = copy_branch(
                session, user_id=user_id, conversation_id=conversation_id, message_id=payload["messageId"]
            )
            row.result_id = branch.id
    except NotFound:
        return False
    return True


def _undo(session: Session, user_id: str, row: AgentProposal) -> bool:
    """Take back what was done; False when the thing is gone or somebody has gone on from there."""
    payload = json.loads(row.payload_json)
    conversation_id = payload["conversationId"] if row.kind == ProposalKind.RENAME else row.result_id or ""
    session.get(Conversation, conversation_id, with_for_update=True, populate_existing=True)
    try:
        conversation = find_conversation(session, user_id=user_id, conversation_id=conversation_id)
    except NotFound:
        return False
    if row.kind == ProposalKind.RENAME:
        if conversation.title != payload["title"]:
            return False
        rename(session, user_id=user_id, conversation_id=conversation_id, title=payload["titleBefore"])
        return True
    # A copy belongs to no turn: what does was asked in the branch itself.
    if any(message.turn_id for message in read_messages(session, conversation_id=conversation_id)):
        return False
    set_deleted(session, user_id=user_id, conversation_id=conversation_id, deleted=True)
    return True
