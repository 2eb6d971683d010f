"""A run of the agent as the page shows it: rows of text made from its steps and proposals."""

from dataclasses import dataclass, field
from typing import Any

from projectloom import routes
from projectloom.assistants.agent_list import RunLine
from projectloom.assistants.agent_models import ProposalState
from projectloom.assistants.agent_runs import ProposalView, StepView, cost_of
from projectloom.money import format_usd
from projectloom.state.words import day_and_time


@dataclass(frozen=True)
class StepRow:
    """One model call: what it said, what it did with tools, and what it cost."""

    kind: str = ""
    text: str = ""
    cost: str = ""
    turn_id: str = ""
    uses: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


@dataclass(frozen=True)
class ProposalRow:
    """Something to decide. ``done`` says what became of it; ``undo`` what its button is called, if it has one."""

    id: str = ""
    kind: str = ""
    before: str = ""
    after: str = ""
    reason: str = ""
    href: str = ""
    waiting: bool = False
    done: str = ""
    undo: str = ""
    made: str = ""


@dataclass(frozen=True)
class RunRow:
    """A run in the list of past ones."""

    id: str = ""
    task: str = ""
    href: str = ""
    about: str = ""
    waiting: str = ""


_DONE = {
    ("rename", ProposalState.CONFIRMED): "Renamed",
    ("branch", ProposalState.CONFIRMED): "Branch made",
    ("rename", ProposalState.TAKEN_BACK): "The old title is back",
    ("branch", ProposalState.TAKEN_BACK): "The branch is in the trash",
}
_STATES = {"running": "At work", "done": "", "stopped": "Stopped", "failed": "Failed"}


def step_row(step: StepView) -> StepRow:
    """One step; a summary's own text goes to the model and is not shown."""
    uses = [
        {
            "tool": use.tool,
            "words": use.words,
            "failed": use.failed,
            "finds": [{"title": find.title, "href": routes.conversation(find.conversation_id)} for find in use.finds],
        }
        for use in step.uses
    ]
    text = step.text if step.kind == "agent" else ""
    return StepRow(step.kind, text, format_usd(cost_of(step.receipt)), step.receipt.turn_id, uses)


def proposal_row(proposal: ProposalView) -> ProposalRow:
    """What a proposal would change, or did."""
    payload = proposal.payload
    rename = proposal.kind == "rename"
    return ProposalRow(
        id=proposal.id,
        kind=proposal.kind,
        before=payload["titleBefore"] if rename else payload["title"],
        after=payload["title"] if rename else "",
        reason="" if rename else payload["reason"],
        href=routes.conversation(payload["conversationId"]),
        waiting=proposal.state == ProposalState.PROPOSED,
        done=_done(proposal),
        undo="Undo" if proposal.state == ProposalState.CONFIRMED else "",
        made=_made(proposal),
    )


def _made(proposal: ProposalView) -> str:
    """The address of the branch that a confirmed proposal became."""
    confirmed = proposal.state == ProposalState.CONFIRMED
    return routes.conversation(proposal.result_id) if confirmed and proposal.result_id else ""


def _done(proposal: ProposalView) -> str:
    if proposal.state == ProposalState.DECLINED:
        return "Declined"
    if proposal.state == ProposalState.STALE:
        return "Not done: it has changed since"
    return _DONE.get((proposal.kind, ProposalState(proposal.state)), "")


def run_row(line: RunLine) -> RunRow:
    """One line of the list."""
    state = _STATES.get(line.state, "")
    parts = [state, format_usd(line.spent_nanos), day_and_time(line.created_at)]
    waiting = f"{line.waiting} to decide" if line.waiting else ""
    return RunRow(line.id, line.task, routes.agent_run(line.id), " · ".join(part for part in parts if part), waiting)
