"""What the image and the composition name is there: files, settings, and enough time to stop."""

import re
import shlex

import yaml

from projectloom import limits
from projectloom.config import PROJECT_ROOT, Settings
from projectloom.launch import STOP_SECONDS

DOCKERFILE = (PROJECT_ROOT / "Dockerfile").read_text("utf-8")
COMPOSE = yaml.safe_load((PROJECT_ROOT / "compose.yaml").read_text("utf-8"))
IGNORED = (PROJECT_ROOT / ".dockerignore").read_text("utf-8").splitlines()


def names_of_settings() -> set[str]:
    found: set[str] = set()
    for name, made in Settings.model_fields.items():
        choices = getattr(made.validation_alias, "choices", None) or [made.validation_alias or name.upper()]
        found |= {str(choice) for choice in choices}
    return found


def test_what_is_copied_into_the_image_is_there_and_is_sent_to_the_builder():
    copied = [shlex.split(line)[1:-1] for line in DOCKERFILE.splitlines() if re.match(r"COPY (?!--from)", line)]
    sources = {source.removeprefix("./") for line in copied for source in line}
    assert {"projectloom", "alembic", "rxconfig.py", "reflex.lock"} <= sources
    for source in sources:
        assert (PROJECT_ROOT / source).exists(), source
        assert f"!{source}" in IGNORED
    assert IGNORED[1] == "*"


def test_the_image_runs_as_a_user_without_rights_and_asks_whether_it_is_alive():
    last = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]
    assert "\nUSER loom\n" in last
    assert "/healthz" in last
    assert "HOST=0.0.0.0" in last


def test_the_composition_sets_only_what_is_a_setting_and_leaves_time_to_stop():
    loom = COMPOSE["services"]["loom"]
    assert set(loom["environment"]) - names_of_settings() == set()
    grace = int(loom["environment"]["STOP_GRACE_SECONDS"])
    given = int(loom["stop_grace_period"].removesuffix("s"))
    assert given > grace + max(limits.DRAIN_SECONDS, STOP_SECONDS)
    assert set(loom["depends_on"]) == {"postgres", "redis"}
    assert "loom" in (PROJECT_ROOT / "Caddyfile").read_text("utf-8")


def test_redis_asks_for_the_password_that_the_servers_have():
    redis, url = COMPOSE["services"]["redis"], COMPOSE["services"]["loom"]["environment"]["REDIS_URL"]
    password = redis["command"][redis["command"].index("--requirepass") + 1]
    assert password.startswith("${REDIS_PASSWORD:?")
    assert f":{password}@redis:" in url
    assert redis["environment"]["REDISCLI_AUTH"] == password
    assert "ports" not in redis
