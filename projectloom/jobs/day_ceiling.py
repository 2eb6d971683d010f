"""Tells the operator that a day's spending nears its ceiling, and that it has reached it, once each a day."""

from projectloom import limits
from projectloom.config import settings
from projectloom.db import transaction
from projectloom.mails.alerts import alert
from projectloom.metering.day_ceiling import alert_reached, day_spending
from projectloom.money import format_usd


def look_at_day_ceiling() -> None:
    """Alert when today's replies have cost the named share of the ceiling, and when no further one is begun."""
    ceiling = settings().daily_spend_nanos
    if ceiling is None:
        return
    with transaction() as session:
        found = day_spending(session)
        spent, most = format_usd(found.spent_nanos), format_usd(ceiling)
        if found.most_nanos >= ceiling:
            alert_reached(session, found)
        elif found.spent_nanos * 100 >= ceiling * limits.DAY_CEILING_NEAR_PERCENT:
            alert(
                session,
                key=f"day_ceiling_near:{found.day}",
                subject=f"{spent} of the day's {most} are spent",
                words=f"Replies on credits have cost {spent} at the providers today. At DAILY_SPEND_USD ({most}) no "
                "further one is begun until midnight UTC.",
            )
