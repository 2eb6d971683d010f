"""What a starting server does about prices: the first card, the operator's markup, and word of newer prices."""

from projectloom.db import transaction
from projectloom.mails.alerts import alert
from projectloom.metering.cards import store_first_card
from projectloom.metering.price_changes import follow_markup, propose_installed


def look_at_prices() -> None:
    """See to it that a card with the operator's markup is in force, and tell the operator of newer prices, once.

    Newer prices are proposed and change nothing by themselves.
    """
    store_first_card()
    follow_markup()
    with transaction() as session:
        proposed = propose_installed(session)
        if proposed is not None:
            alert(
                session,
                key=f"prices:{proposed}",
                subject="A newer price list is proposed",
                words="python -m projectloom prices diff shows it. It changes nothing until you apply it.",
            )
