"""Pages are built anew for what they show, and for nothing that only the server knows."""

from projectloom.config import Settings
from projectloom.launch import SERVER_ONLY_SETTINGS


def test_no_limit_on_how_often_somebody_asks_builds_the_pages_anew():
    # A build takes the pages away from under a server that is running in the same folder.
    limits = {name for name in Settings.model_fields if name.startswith("rate_")}
    assert limits
    assert limits <= SERVER_ONLY_SETTINGS


def test_what_only_the_server_knows_is_named_as_it_is_set():
    assert set(Settings.model_fields) >= SERVER_ONLY_SETTINGS
