"""The sandbox's file, as an earlier version left it."""

import sqlite3

from projectloom.sandbox import idempotency, store
from projectloom.sandbox.idempotency import Replay

from .world import STRIPES_OWN_WARNING, World, serve

pytestmark = STRIPES_OWN_WARNING


async def test_a_file_of_the_first_version_is_brought_up_to_date_and_its_open_session_can_be_paid(tmp_path):
    first = World.at(tmp_path)
    async with serve(first):
        session = await first.buy()
    old = sqlite3.connect(tmp_path / "sandbox.db")
    old.execute("UPDATE objects SET body = json_remove(body, '$.invoice_creation') WHERE kind = 'checkout.session'")
    old.execute("ALTER TABLE idempotency_keys DROP COLUMN status")
    old.execute("INSERT INTO idempotency_keys VALUES ('k', 'h', '{}', 'req_1', ?)", (store.timestamp(),))
    old.execute("DROP TABLE control")
    old.commit()
    old.close()

    second = World.at(tmp_path)
    async with serve(second):
        page = f"{second.url}/sandbox/checkout/{session.id}"
        assert (await second.browser().post(page, data={"outcome": "paid"})).status_code == 303
        with second.sandbox.state.store.transaction() as db:
            assert idempotency.recall(db, "k") == Replay("h", {}, "req_1", 200)
            assert store.site(db) == f"{second.settings.backend_url}/sandbox"
