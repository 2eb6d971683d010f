"""A thousand hostile requests that schemathesis makes of the OpenAPI document, the same each time: no 500."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode

from projectloom.api import document
from projectloom.api.app import create_api
from tests.api.conftest import fresh_email
from tests.conftest import fresh_database
from tests.live import LiveServer

# It would end the session that all others use.
LEFT_OUT = {("post", "/api/auth/sign-out")}
EXAMPLES = 30


@pytest.fixture(scope="module")
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    # Wrong passwords are dear to check, and after so many the rest is refused, which is an answer too.
    few = {"RATE_SIGN_IN": "5/minute", "RATE_SIGN_UP": "5/minute"}
    folder = tmp_path_factory.mktemp("live")
    with fresh_database(request, "sqlite", folder) as environment, LiveServer({**environment, **few}) as live:
        yield live
        live.audit()


def test_every_write_of_the_document_tells_its_body_or_that_it_has_none() -> None:
    told = create_api().openapi()["paths"]
    for path, operations in told.items():
        for method in {"post", "put"} & set(operations):
            ends_with_an_id = path.endswith(("/stop", "/refund", "/sign-out", "/demo", "/card"))
            assert ("requestBody" in operations[method]) != (ends_with_an_id or path in document.WITHOUT_BODY), path
    assert {path for _, path in document.BODIES} | set(document.QUESTIONS) <= set(told)


@pytest.mark.timeout(600)
def test_a_thousand_hostile_requests_are_all_answered_and_none_with_a_500(target: LiveServer) -> None:
    credentials = {"email": fresh_email(), "password": "correct horse battery"}
    token = target.client().post("/api/auth/sign-up", json=credentials).json()["token"]
    seen: Counter[int] = Counter()
    failed: list[str] = []
    schema = schemathesis.openapi.from_dict(create_api().openapi())
    operations = [result.ok() for result in schema.get_all_operations()]
    with requests.Session() as session:
        for operation in operations:
            if (operation.method, operation.path) in LEFT_OUT:
                continue

            @settings(
                max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            @given(
                case=operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
                | operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
            )
            def send(case: Any) -> None:
                bearer = {"Authorization": f"Bearer {token}"}
                answer = case.call(base_url=target.url, session=session, headers=bearer, timeout=30)
                seen[answer.status_code] += 1
                if answer.status_code >= 500:
                    failed.append(f"{answer.status_code} {case.method} {case.formatted_path}: {case.as_curl_command()}")

            send()
    assert failed == []
    assert sum(seen.values()) >= 1_000, seen
    assert {200, 400, 404} <= set(seen)
