"""Arming faults of the model providers: which request takes which, over the API and on the page."""

import anthropic
import openai
import pytest

from projectloom.sandbox.provider_faults import TROUBLE_WORDS, Trouble

from .chatting import ANTHROPIC, arm, armed, ask, text_of
from .world import World, serve


async def test_a_fault_meets_only_what_it_is_meant_for_and_as_often_as_is_asked(world: World):
    await arm(world, "status", provider="openai", model="gpt-6-luna", marker="the red thread", times=2)
    await ask(world, "anthropic", "follow the red thread")
    await ask(world, "openai", "follow the red thread")
    await ask(world, "openai", "follow the blue thread", model="gpt-6-luna")
    for _ in range(2):
        with pytest.raises(openai.InternalServerError):
            await ask(world, "openai", "follow the red thread", model="gpt-6-luna")
    assert text_of(await ask(world, "openai", "follow the red thread", model="gpt-6-luna"))
    assert await armed(world) == []


async def test_faults_come_in_their_order_one_a_request_and_can_be_forgotten(world: World):
    first, second, third = [await arm(world, "status", status=status) for status in (400, 403, 404)]
    await world.control(f"providers/faults/{second}/clear")
    assert [fault["id"] for fault in await armed(world)] == [first, third]
    with pytest.raises(anthropic.BadRequestError):
        await ask(world, "anthropic")
    with pytest.raises(openai.NotFoundError):
        await ask(world, "openai")
    await arm(world, "cut", times=9)
    state = await world.browser().get(f"{world.url}/sandbox/control/api/state")
    assert [fault["kind"] for fault in state.json()["provider_faults"]] == ["cut"]
    await world.control("faults/clear")
    assert len(await armed(world)) == 1
    await world.control("reset")
    assert await armed(world) == []
    await arm(world, "cut")
    assert (await world.control("providers/faults/clear"))["cleared"] == 1


async def test_a_request_that_is_refused_anyway_uses_no_fault_up(world: World):
    await arm(world, "cut")
    with pytest.raises(openai.BadRequestError):
        await ask(world, "openai", max_tokens=0)
    with pytest.raises(anthropic.AuthenticationError):
        await world.anthropic("sk-ant-invalid").messages.create(model=ANTHROPIC, max_tokens=5, messages=[])
    assert len(await armed(world)) == 1


async def test_armed_faults_survive_a_restart_and_are_seen_by_every_process(tmp_path):
    one, other = World.at(tmp_path), World.at(tmp_path)
    async with serve(one), serve(other):
        await arm(one, "status", status=403)
        with pytest.raises(anthropic.PermissionDeniedError):
            await ask(other, "anthropic")
        assert await armed(one) == []


async def test_a_fault_that_makes_no_sense_is_refused_in_words(world: World):
    for wrong in (
        {"kind": "sulks"},
        {"kind": "cut", "times": 0},
        {"kind": "cut", "after_tokens": -1},
        {"kind": "stall", "seconds": 1e9},
        {"kind": "status", "status": 200},
        {"kind": "cut", "provider": "stripe"},
        {"kind": "cut", "unknown": 1},
        {},
    ):
        answer = await world.browser().post(f"{world.url}/sandbox/control/api/providers/faults", json=wrong)
        assert answer.status_code == 422
        assert answer.json()["error"]["message"]
    assert await armed(world) == []


async def test_the_page_arms_and_forgets_faults_with_forms_alone(world: World):
    async def press(name: str, **fields: str) -> str:
        origin = {"origin": world.settings.backend_url}
        answer = await world.browser().post(f"{world.url}/sandbox/control/{name}", data=fields, headers=origin)
        return (await world.browser().get(f"{world.url}{answer.headers['location']}")).text

    fields = {"kind": "status", "provider": "openai", "status": "503", "times": "3", "retry_after": "", "model": ""}
    page = await press("provider-fault", **fields, marker="<b>loom</b>", after_tokens="10", seconds="1")
    assert "3 × an error status 503: OpenAI" in page
    assert "&lt;b&gt;loom&lt;/b&gt;" in page
    assert "<b>loom" not in page
    (fault,) = await armed(world)
    assert (fault["retry_after"], fault["marker"]) == (None, "<b>loom</b>")
    assert "seconds" in await press("provider-fault", kind="stall", seconds="-1")
    await press("provider-fault", kind="cut")
    await press("clear-provider-fault", fault=str(fault["id"]))
    assert [one["kind"] for one in await armed(world)] == ["cut"]
    await press("clear-provider-fault")
    assert await armed(world) == []


async def test_every_kind_has_words_and_is_offered(world: World):
    kinds = (await world.browser().get(f"{world.url}/sandbox/control/api/providers/kinds")).json()["kinds"]
    page = (await world.browser().get(f"{world.url}/sandbox/control")).text
    named = [kind for group in TROUBLE_WORDS.values() for kind in group]
    assert sorted(named) == sorted(Trouble) == sorted(kinds)
    assert all(f'<option value="{kind}">' in page for kind in Trouble)
