"""The server is whole or it does not start, and says what is missing; no secret is ever shown."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from projectloom.config import ConfigurationError, Settings, read_settings, settings
from tests.clerk_double import rsa_key

STRIPE = {"STRIPE_SECRET_KEY": "sk_test_secret", "STRIPE_WEBHOOK_SECRET": "whsec_secret"}
SOLD = STRIPE | {"OPENAI_API_KEY": "sk-openai-secret"}
MAIL = {"SMTP_HOST": "mail.example", "SMTP_FROM": "loom@example.org"}
# Of the instance tidy-owl-7.clerk.accounts.dev.
CLERK = {
    "CLERK_PUBLISHABLE_KEY": "pk_test_dGlkeS1vd2wtNy5jbGVyay5hY2NvdW50cy5kZXYk",
    "CLERK_SECRET_KEY": "sk_test_secret",
}
PEM = rsa_key("ins_1").as_pem(private=False).decode()
LONG = "s" * 32


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch):
    """Read the settings from this environment and nothing else."""

    def read(**environment: str) -> Settings:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return read_settings(_env_file=None)

    return read


def refusal(configure, **environment: str) -> str:
    with pytest.raises(ConfigurationError) as refused:
        configure(**environment)
    return str(refused.value)


def test_with_nothing_set_the_sandbox_stands_in_and_everything_has_a_default(configure):
    made = configure()
    assert (made.sandbox_on, made.sells_credits) == (True, True)
    assert (made.host, made.port, made.public_url) == ("127.0.0.1", 3000, "http://localhost:3000")
    assert made.sql_url.startswith("sqlite:///")
    assert made.stripe() == ("sk_test_sandbox", "http://127.0.0.1:3000/sandbox/stripe", ("whsec_sandbox",))
    assert made.provider_base("openai") == "http://127.0.0.1:3000/sandbox/openai/v1"
    assert made.provider_base("anthropic") == "http://127.0.0.1:3000/sandbox/anthropic"
    assert made.cookie_secure is False
    assert "http://localhost:3000" in made.allowed_origins


@pytest.mark.parametrize(
    ("environment", "missing"),
    [
        ({"STRIPE_SECRET_KEY": "sk_test_x", "OPENAI_API_KEY": "sk-x"}, "STRIPE_WEBHOOK_SECRET is missing"),
        ({"STRIPE_WEBHOOK_SECRET": "whsec_x"}, "STRIPE_SECRET_KEY is missing"),
        ({"STRIPE_PUBLISHABLE_KEY": "pk_x"}, "STRIPE_SECRET_KEY is missing"),
        ({"STRIPE_API_BASE": "http://127.0.0.1:1"}, "STRIPE_SECRET_KEY is missing"),
        (SOLD | {"STRIPE_WEBHOOK_SECRET": " , "}, "STRIPE_WEBHOOK_SECRET: holds no secret"),
        (STRIPE, "ANTHROPIC_API_KEY or OPENAI_API_KEY is missing"),
        ({"CLERK_PUBLISHABLE_KEY": "pk_x"}, "CLERK_SECRET_KEY is missing"),
        ({"CLERK_SECRET_KEY": "sk_x"}, "CLERK_PUBLISHABLE_KEY is missing"),
        ({"CLERK_JWT_KEY": PEM}, "CLERK_PUBLISHABLE_KEY and CLERK_SECRET_KEY are missing: CLERK_JWT_KEY is set"),
        (CLERK | {"CLERK_PUBLISHABLE_KEY": "pk_test_x"}, "CLERK_PUBLISHABLE_KEY is none of Clerk's"),
        (CLERK | {"CLERK_PUBLISHABLE_KEY": "pk_test_ZXZpbC5leGFtcGxlLyQ="}, "CLERK_PUBLISHABLE_KEY is none of Clerk's"),
        (CLERK | {"CLERK_SECRET_KEY": "hunter2"}, "CLERK_SECRET_KEY is none of Clerk's"),
        (CLERK | {"CLERK_SECRET_KEY": "sk_live_x"}, "are not of one instance"),
        (CLERK | {"CLERK_JWT_KEY": "a key"}, "CLERK_JWT_KEY: must be a public key as PEM"),
        (CLERK | {"CLERK_WEBHOOK_SIGNING_SECRET": "whsec_é"}, "CLERK_WEBHOOK_SIGNING_SECRET: is no signing secret"),
        (CLERK | {"CLERK_JWKS_URL": "file:///etc/passwd"}, "CLERK_JWKS_URL: must be an http or https address"),
        ({"SMTP_HOST": "mail.example"}, "SMTP_FROM is missing"),
        ({"SMTP_FROM": "a@example.org"}, "SMTP_HOST is missing"),
        ({"SMTP_PASSWORD": "x"}, "SMTP_HOST is missing"),
        (MAIL | {"SMTP_USERNAME": "ada"}, "SMTP_PASSWORD is missing"),
        (MAIL | {"SMTP_PASSWORD": "secret"}, "SMTP_USERNAME is missing"),
        (MAIL | {"SMTP_FROM": "a@example.org\nBcc: b@example.org"}, "SMTP_FROM: must be a plain e-mail address"),
        (SOLD | {"ALERT_EMAIL": "ops@example.org"}, "SMTP_HOST is missing: alerts could not be sent"),
        (MAIL | {"ALERT_EMAIL": "nobody"}, "ALERT_EMAIL: must be a plain e-mail address"),
        (SOLD | {"CONFIRM_EMAIL": "spending"}, "SMTP_HOST is missing: people could not confirm their e-mail"),
        ({"CONFIRM_EMAIL": "perhaps"}, "CONFIRM_EMAIL"),
        ({"SIGN_UP_BONUS_USD": "-1"}, "SIGN_UP_BONUS_USD"),
        ({"SIGN_UP_BONUS_USD": "100.01"}, "SIGN_UP_BONUS_USD"),
        ({"SIGN_UP_BONUS_USD": "0.001"}, "SIGN_UP_BONUS_USD"),
        ({"SIGN_UP_BONUS_USD": "NaN"}, "SIGN_UP_BONUS_USD"),
        ({"SIGN_UP_BONUS_USD": "five"}, "SIGN_UP_BONUS_USD"),
        ({"SIGN_UP_BONUS_USD": "5", "SIGN_UP_BONUS_DAYS": "0"}, "SIGN_UP_BONUS_DAYS"),
        ({"SIGN_UP_BONUS_DAYS": "30"}, "SIGN_UP_BONUS_USD is missing"),
        ({"SIGN_UP_BONUS_USD": "5", "LOOM_SANDBOX": "off"}, "ANTHROPIC_API_KEY or OPENAI_API_KEY is missing"),
        ({"PRICE_MARKUP_PERCENT": "-1"}, "PRICE_MARKUP_PERCENT"),
        ({"PRICE_MARKUP_PERCENT": "1000.0001"}, "PRICE_MARKUP_PERCENT"),
        ({"PRICE_MARKUP_PERCENT": "0.00001"}, "PRICE_MARKUP_PERCENT"),
        ({"PRICE_MARKUP_PERCENT": "NaN"}, "PRICE_MARKUP_PERCENT"),
        ({"REDIS_URL": "redis://x"}, "SECRET_KEY is missing"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY is too short"),
        ({"PORT": "eighty"}, "PORT"),
        ({"PORT": "0"}, "PORT"),
        ({"BASE_URL": "loom.example"}, "BASE_URL"),
        ({"BASE_URL": "javascript:alert(1)"}, "BASE_URL"),
        ({"OPENAI_BASE_URL": "file:///etc"}, "OPENAI_BASE_URL"),
        ({"LOOM_SANDBOX": "maybe"}, "LOOM_SANDBOX"),
        ({"DATABASE_URL": "mysql://u:hunter2@db/x"}, "DATABASE_URL"),
        ({"POSTGRES_URL": "hunter2"}, "DATABASE_URL"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_half_a_configuration_is_refused_with_the_name_of_what_is_missing(configure, environment, missing: str):
    said = refusal(configure, **environment)
    assert missing in said
    assert "hunter2" not in said


def test_every_problem_is_told_at_once(configure):
    said = refusal(configure, STRIPE_SECRET_KEY="sk_test_x", SECRET_KEY="short", REDIS_URL="")
    for name in ("STRIPE_WEBHOOK_SECRET", "OPENAI_API_KEY", "SECRET_KEY"):
        assert name in said


@pytest.mark.parametrize("name", ["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "STRIPE_SECRET_KEY"])
def test_the_sandbox_is_refused_beside_any_live_key_and_says_why(configure, name: str):
    said = refusal(configure, LOOM_SANDBOX="on", **(SOLD if "STRIPE" in name else {name: "sk-live-hunter2"}))
    assert "sandbox" in said
    assert name in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    "environment",
    [{"ANTHROPIC_API_KEY": "k"}, {"OPENAI_API_KEY": "k"}, {"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}, SOLD],
    ids=",".join,
)
def test_any_real_part_ends_the_sandbox(configure, environment: dict[str, str]):
    made = configure(**environment)
    assert made.sandbox_on is False
    assert made.sells_credits is ("STRIPE_SECRET_KEY" in environment)
    assert "sandbox" not in repr((made.stripe(), made.operator_key("openai"), made.provider_base("anthropic")))


def test_a_sandbox_that_is_off_sells_nothing_by_itself(configure):
    made = configure(LOOM_SANDBOX="off")
    assert (made.sandbox_on, made.sells_credits, made.stripe()) == (False, False, ("", None, ()))
    assert made.operator_key("anthropic") is None


def test_alerts_go_to_whom_the_operator_names_and_in_the_sandbox_to_its_mailbox(configure):
    assert configure().alert_address == "operator@projectloom.example"
    assert configure(**SOLD).alert_address is None
    assert configure(**SOLD, **MAIL, ALERT_EMAIL="ops@example.org").alert_address == "ops@example.org"


def test_the_sign_up_bonus_is_exact_and_nothing_unless_it_is_set(configure):
    assert (configure().sign_up_bonus_nanos, configure().sign_up_bonus_days) == (0, None)
    for dollars, nanos in (("0", 0), ("0.07", 70_000_000), ("2.50", 2_500_000_000), ("100", 100_000_000_000)):
        assert configure(SIGN_UP_BONUS_USD=dollars).sign_up_bonus_nanos == nanos
    assert configure(SIGN_UP_BONUS_USD="5", SIGN_UP_BONUS_DAYS="30").sign_up_bonus_days == 30
    assert configure(SIGN_UP_BONUS_USD="0", SIGN_UP_BONUS_DAYS="30").sign_up_bonus_nanos == 0


def test_credit_can_be_spent_where_somebody_pays_a_provider_for_it(configure):
    assert configure().pays_for_replies
    assert not configure(LOOM_SANDBOX="off").pays_for_replies
    assert configure(LOOM_SANDBOX="off", OPENAI_API_KEY="sk-x").pays_for_replies


def test_the_names_of_the_guide_are_read(configure):
    named = SOLD | {
        "STRIPE_PUBLISHABLE_KEY": "pk_test_x",
        "ANTHROPIC_API_KEY": "sk-ant-secret",
        "POSTGRES_URL": "postgres://u:p@db:5432/loom",
        "NEXT_PUBLIC_BASE_URL": "https://loom.example/",
        "SECRET_KEY": LONG,
        "REDIS_URL": "redis://:p@cache:6379",
        "STRIPE_API_BASE": "http://127.0.0.1:1",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:2",
        "OPENAI_BASE_URL": "http://127.0.0.1:3/v1",
    }
    made = configure(**named)
    assert made.sql_url == "postgresql+psycopg://u:p@db:5432/loom"
    assert (made.public_url, made.cookie_secure) == ("https://loom.example", True)
    assert made.allowed_origins == ("https://loom.example",)
    assert made.stripe() == ("sk_test_secret", "http://127.0.0.1:1", ("whsec_secret",))
    assert made.operator_key("anthropic") == "sk-ant-secret"
    assert (made.provider_base("anthropic"), made.provider_base("openai")) == (
        "http://127.0.0.1:2",
        "http://127.0.0.1:3/v1",
    )
    assert made.master_secret == LONG


def test_the_new_names_win_over_the_guide_s(configure):
    made = configure(
        DATABASE_URL="postgresql://new/x",
        POSTGRES_URL="postgres://old/x",
        BASE_URL="https://new.example",
        NEXT_PUBLIC_BASE_URL="https://old.example",
    )
    assert "new" in made.sql_url
    assert made.public_url == "https://new.example"


def test_an_env_file_is_read_and_the_environment_wins_over_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / ".env"
    file.write_text("PORT=4000\nBASE_URL=https://file.example\nOTHER=ignored\nSTRIPE_SECRET_KEY=\n")
    monkeypatch.setenv("BASE_URL", "https://environment.example")
    made = read_settings(_env_file=file)
    assert (made.port, made.public_url) == (4000, "https://environment.example")


def test_every_setting_is_named_in_the_example_file():
    example = (Path(__file__).parent.parent / ".env.example").read_text()
    for name, made in Settings.model_fields.items():
        alias = made.validation_alias
        names = [str(part) for part in alias.choices] if hasattr(alias, "choices") else [str(alias or name.upper())]
        assert names[0] in example, names[0]


def test_several_webhook_secrets_are_split_at_commas(configure):
    made = configure(**SOLD | {"STRIPE_WEBHOOK_SECRET": " whsec_new , whsec_old,, "})
    assert made.stripe()[2] == ("whsec_new", "whsec_old")


def test_no_secret_shows_in_a_repr(configure):
    made = configure(
        **SOLD | {"STRIPE_SECRET_KEY": "hunter2", "STRIPE_WEBHOOK_SECRET": "hunter2", "OPENAI_API_KEY": "hunter2"},
        ANTHROPIC_API_KEY="hunter2",
        SECRET_KEY="hunter2" * 5,
        DATABASE_URL="postgresql://u:hunter2@db/x",
        REDIS_URL="redis://:hunter2@cache",
    )
    assert "hunter2" not in repr(made) + str(made)


def test_settings_cannot_be_changed_once_read(configure):
    with pytest.raises(ValueError, match="frozen"):
        configure().port = 1


def test_a_secret_is_made_once_and_kept_for_its_owner_alone(tmp_path: Path):
    made = settings().master_secret
    assert len(made) == 64
    kept = settings().data_dir / "secret_key"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    settings.cache_clear()
    assert settings().master_secret == made
    assert [path.name for path in kept.parent.iterdir()] == ["secret_key"]


def test_processes_that_start_at_once_agree_on_the_secret():
    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(lambda _: settings().master_secret, range(64)))) == 1


@pytest.mark.parametrize("content", [b"", b"\n", b"short", b"\xff\xfe"], ids=repr)
def test_a_secret_file_without_a_secret_is_refused_at_the_start_and_never_used(configure, content: bytes):
    made = settings()
    made.data_dir.mkdir(parents=True)
    kept = made.data_dir / "secret_key"
    kept.write_bytes(content)
    assert os.fspath(kept) in refusal(configure)
    with pytest.raises(ValueError, match="holds no secret"):
        _ = made.master_secret
    assert kept.read_bytes() == content
    assert configure(SECRET_KEY=LONG).master_secret == LONG


def test_clerk_is_on_where_both_its_keys_are_set_and_asks_the_instance_that_they_name(configure):
    assert configure().clerk is None
    clerk = configure(**CLERK).clerk
    assert clerk is not None
    assert clerk.issuer == "https://tidy-owl-7.clerk.accounts.dev"
    assert clerk.jwks_url == "https://tidy-owl-7.clerk.accounts.dev/.well-known/jwks.json"
    assert clerk.api_url == "https://api.clerk.com"
    assert "sk_test_secret" not in repr(clerk)


def test_the_origins_that_clerk_needs_are_named_once(configure):
    clerk = configure(**CLERK, CLERK_JS_URL="https://cdn.example.org/clerk.js").clerk
    assert clerk is not None
    origins = clerk.origins()
    assert origins["connect-src"] == ("https://cdn.example.org", "https://tidy-owl-7.clerk.accounts.dev")
    assert {"https://cdn.example.org", "https://tidy-owl-7.clerk.accounts.dev"} < set(origins["script-src"])
