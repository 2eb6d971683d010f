from collections.abc import Iterator

import pytest

from tests.stripe_double import StripeDouble, configured


@pytest.fixture
def stripe(monkeypatch: pytest.MonkeyPatch) -> Iterator[StripeDouble]:
    """This process talks to a Stripe whose words the test decides."""
    with configured(monkeypatch) as double:
        yield double
