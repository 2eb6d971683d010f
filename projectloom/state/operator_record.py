"""The operator's page of the record: who did what, when, why and on whom, the latest first."""

import reflex as rx

from projectloom import limits
from projectloom.db import in_thread
from projectloom.operating.actions import read_actions
from projectloom.state.operator_rows import ActionRow, action_rows
from projectloom.state.session import handled, operating


class OperatorRecordState(rx.State):
    """The record as far as it was paged through."""

    loaded: bool = False
    rows: list[ActionRow] = []
    more: bool = False
    busy: bool = False

    @handled
    async def load(self):
        """Read the record from its top."""
        await operating(self)
        self.rows, self.busy = [], False
        await self._read(None)
        self.loaded = True

    @handled
    async def show_more(self):
        """Read the next page, older than what is shown."""
        await operating(self)
        if self.busy or not self.more:
            return
        self.busy = True
        yield
        await self._read(int(self.rows[-1].key))
        self.busy = False

    async def _read(self, before: int | None) -> None:
        page = await in_thread(read_actions, before=before)
        self.rows = [*self.rows, *action_rows(page)]
        self.more = len(page) >= limits.ACTIONS_PAGE
