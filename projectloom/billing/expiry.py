"""Given credit whose time is over, booked as breakage."""

from projectloom.db import database_now, reading, transaction
from projectloom.ledger.credits import expire_lot, expired_lots

_BATCH = 500


def expire_credit() -> int:
    """Book every lot that has run out by the database's clock; how many were booked. One transaction for each."""
    with reading() as session:
        moment = database_now(session)
        lots = expired_lots(session, moment=moment, limit=_BATCH)
    booked = 0
    for lot_id in lots:
        with transaction() as session:
            booked += expire_lot(session, lot_id=lot_id, moment=moment) is not None
    return booked
