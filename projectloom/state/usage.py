"""What was used, for the usage panel: by provider, by model and by source, in one of four ranges."""

from dataclasses import dataclass

import reflex as rx

from projectloom import routes
from projectloom.db import in_thread
from projectloom.metering.usage import UsageLine, summarize_usage
from projectloom.money import format_usd
from projectloom.state.changes import show
from projectloom.state.models import model_labels
from projectloom.state.preferences import PROVIDER_NAMES
from projectloom.state.session import handled, signed_in
from projectloom.state.words import count_of

PERIODS = (
    ("this_month", "This month"),
    ("last_month", "Last month"),
    ("year_to_date", "Year to date"),
    ("all_time", "All time"),
)

SOURCE_NAMES = {
    "chat": "Chat",
    "agent": "Agent",
    "summarize": "Summaries",
    "embeddings": "Embeddings",
    "title": "Titles",
}


@dataclass(frozen=True)
class UsageRow:
    """One line of a usage table, all text. ``own`` is what providers billed to the person's own keys.

    ``href`` is where its replies are listed, each with its receipt.
    """

    name: str = ""
    count: str = ""
    tokens: str = ""
    cost: str = ""
    own: str = ""
    href: str = ""


class UsageState(rx.State):
    """A summary of the signed-in person's usage."""

    period: str = "this_month"
    loaded: bool = False
    empty: bool = True
    total: str = ""
    own_key_cost: str = ""
    count: str = ""
    by_provider: list[UsageRow] = []
    by_model: list[UsageRow] = []
    by_source: list[UsageRow] = []

    @handled
    async def load(self):
        """Read the summary of the chosen range."""
        person = await signed_in(self)
        summary = await in_thread(summarize_usage, person.user_id, self.period)
        labels = await model_labels()
        show(
            self,
            loaded=True,
            empty=summary.count == 0,
            total=format_usd(summary.total_nanos),
            own_key_cost=format_usd(summary.own_key_cost_nanos) if summary.own_key_cost_nanos else "",
            count=count_of(summary.count, "reply", "replies"),
            by_provider=[_row(line, PROVIDER_NAMES.get(line.name, line.name)) for line in summary.by_provider],
            by_model=[
                _row(line, labels.get(line.name, line.name), self._replies(model=line.name))
                for line in summary.by_model
            ],
            by_source=[
                _row(line, SOURCE_NAMES.get(line.name, line.name), self._replies(source=line.name))
                for line in summary.by_source
            ],
        )

    def _replies(self, **chosen: str) -> str:
        # This month has no name in an address.
        return routes.activity("" if self.period == "this_month" else self.period, **chosen)

    @handled
    async def choose(self, period: str):
        """Look at another range."""
        self.period = period
        return UsageState.load


def _row(line: UsageLine, name: str, href: str = "") -> UsageRow:
    return UsageRow(
        name=name,
        count=count_of(line.count, "reply", "replies"),
        tokens=f"{line.input_tokens:,} in, {line.output_tokens:,} out",
        cost=format_usd(line.charged_nanos),
        own=format_usd(line.own_key_cost_nanos) if line.own_key_cost_nanos else "",
        href=href,
    )
