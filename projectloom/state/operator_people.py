"""The operator's page of people: whoever the address asks for, by a part of an e-mail, an id, or an order."""

from dataclasses import dataclass

import reflex as rx

from projectloom import routes
from projectloom.db import in_thread
from projectloom.operating.people import find_people
from projectloom.state.session import handled, operating
from projectloom.state.words import calendar_day


@dataclass(frozen=True)
class PersonRow:
    """Somebody who was found."""

    key: str = ""
    name: str = ""
    since: str = ""
    href: str = ""


class OperatorPeopleState(rx.State):
    """Whom a search found; without one, who joined last."""

    loaded: bool = False
    asked: str = ""
    found: list[PersonRow] = []

    @handled
    async def load(self):
        """Look for what the address asks for."""
        await operating(self)
        self.asked = self.router.url.query_parameters.get("q", "")
        self.found = [
            PersonRow(one.user_id, one.name, calendar_day(one.created_at), routes.operator_person(one.user_id))
            for one in await in_thread(find_people, self.asked)
        ]
        self.loaded = True

    @handled
    async def search(self, form: dict[str, str]):
        """Go to what was typed."""
        await operating(self)
        return rx.redirect(routes.operator_people(form.get("q", "").strip()))
