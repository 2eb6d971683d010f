import pytest

from projectloom.accounts.users import create_user
from projectloom.db import transaction


@pytest.fixture
def stranger(books) -> str:
    with transaction() as session:
        return create_user(session, email="stranger@example.org", password_hash=None).id
