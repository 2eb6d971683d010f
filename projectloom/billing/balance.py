"""A person's balance. Reading it for the first time opens their accounts at zero."""

from projectloom.db import reading, transaction
from projectloom.ledger.accounts import Balances, open_accounts, read_balances


def read_balance(user_id: str) -> Balances:
    """The four balances of a person, in nanos."""
    with reading() as session:
        balances = read_balances(session, user_id=user_id)
    if balances is not None:
        return balances
    with transaction() as session:
        open_accounts(session, user_id=user_id)
        opened = read_balances(session, user_id=user_id)
    if opened is None:
        raise RuntimeError(f"the accounts of {user_id} were not opened")
    return opened
