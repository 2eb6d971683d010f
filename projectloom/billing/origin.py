"""Where the credit in a database came from: play money must never meet live keys."""

from sqlmodel import col, select

from projectloom.billing.models import Order
from projectloom.config import ConfigurationError, settings
from projectloom.db import reading


def refuse_play_money() -> None:
    """Refuse to serve with live keys on a database in which the sandbox sold credit.

    Raises:
        ConfigurationError: the database holds the sandbox's credit and the sandbox is off.
    """
    if settings().sandbox_on:
        return
    query = select(Order.id).where(col(Order.sandbox), col(Order.completed_at).is_not(None)).limit(1)
    with reading() as session:
        sold = session.exec(query).first()
    if sold is not None:
        raise ConfigurationError(
            "ProjectLoom cannot start with live keys on this database: people hold credit in it that the sandbox sold "
            "for play money. Use another database (DATABASE_URL, or LOOM_DATA_DIR), or unset the keys."
        )
