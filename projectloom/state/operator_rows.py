"""What operators did, as rows of text for the record's page and for a person's. Formatting only."""

from collections.abc import Sequence
from dataclasses import dataclass

from projectloom import routes
from projectloom.operating.actions import ActionView
from projectloom.state.words import minute

_WORDS = {
    "grant": "Gave credit",
    "revoke": "Took credit back",
    "retry_order": "Asked Stripe again about an order",
    "retry_refund": "Asked Stripe again for a refund",
    "retry_turn": "Tried to settle a reply",
    "retry_event": "Handled an event of Stripe's again",
    "propose_prices": "Proposed prices",
    "apply_prices": "Applied prices",
    "prove_books": "Asked for a full audit",
}

# What has a number says it in words.
_NUMBERED = {"propose_prices": ": proposal {}", "apply_prices": ": proposal {}", "prove_books": ""}


@dataclass(frozen=True)
class ActionRow:
    """One line of the record."""

    key: str = ""
    when: str = ""
    who: str = ""
    what: str = ""
    details: str = ""
    reason: str = ""
    subject: str = ""
    person: str = ""
    """On whom; empty where it is about nobody."""
    href: str = ""
    """Their page."""


def action_rows(page: Sequence[ActionView]) -> list[ActionRow]:
    """The rows of a page of the record."""
    return [
        ActionRow(
            key=str(one.id),
            when=minute(one.at),
            who=one.operator,
            what=f"{_WORDS[one.action]}{_NUMBERED.get(one.action, '').format(one.subject)}",
            details=one.details,
            reason=one.reason,
            subject="" if one.subject == one.user_id or one.action in _NUMBERED else one.subject,
            person=one.person or "",
            href=routes.operator_person(one.user_id) if one.user_id else "",
        )
        for one in page
    ]
