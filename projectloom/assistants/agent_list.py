"""The runs that a person has had, the latest first, each with what it cost in one reading."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func
from sqlmodel import col, select

from projectloom import limits
from projectloom.assistants.agent_models import AgentProposal, AgentRun, AgentStep, ProposalState
from projectloom.db import reading
from projectloom.metering.models import Funding, UsageRecord
from projectloom.money import Nanos


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run in the list."""

    id: str
    task: str
    state: str
    spent_nanos: Nanos
    """From credit, or by the provider's rates where the person's own key paid."""
    waiting: int
    """How many of its proposals wait for the person's decision."""
    created_at: datetime


def list_runs(user_id: str) -> list[RunLine]:
    """A person's runs, the latest first."""
    query = (
        select(AgentRun)
        .where(AgentRun.user_id == user_id)
        .order_by(col(AgentRun.created_at).desc(), col(AgentRun.id).desc())
        .limit(limits.AGENT_RUNS_SHOWN)
    )
    own = col(UsageRecord.funding) == Funding.OWN_KEY
    cost = case((own, col(UsageRecord.provider_cost_nanos)), else_=col(UsageRecord.charged_nanos))
    with reading() as session:
        runs = session.exec(query).all()
        ids = [run.id for run in runs]
        costs = session.exec(
            select(AgentStep.run_id, func.sum(cost))
            .join(UsageRecord, col(UsageRecord.turn_id) == col(AgentStep.turn_id))
            .where(col(AgentStep.run_id).in_(ids))
            .group_by(AgentStep.run_id)
        )
        spent = {run_id: int(total) for run_id, total in costs}
        proposed = session.exec(
            select(AgentProposal.run_id, func.count())
            .where(col(AgentProposal.run_id).in_(ids), AgentProposal.state == ProposalState.PROPOSED)
            .group_by(AgentProposal.run_id)
        )
        waiting = dict(proposed.all())
    return [
        RunLine(run.id, run.task, run.state, Nanos(spent.get(run.id, 0)), waiting.get(run.id, 0), run.created_at)
        for run in runs
    ]
