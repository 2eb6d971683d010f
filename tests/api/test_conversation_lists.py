"""What the page's list of conversations reads over HTTP."""

import httpx
import pytest

from projectloom import limits
from projectloom.api.identity import SESSION_COOKIE
from projectloom.conversations.chats import add_message, create_conversation
from projectloom.db import transaction
from projectloom.workspace.api_keys import KEY_PREFIX
from projectloom.workspace.chats import archive_conversation, delete_conversation, pin_conversation
from projectloom.workspace.identity import identify
from tests.api.conftest import fresh_email
from tests.live import LiveServer

LIST = "/api/workspace/conversations"


def talk(user_id: str, title: str, text: str) -> str:
    """A conversation with one message; its id."""
    with transaction() as session:
        row = create_conversation(session, user_id=user_id, first_text=title)
        add_message(session, conversation=row, role="user", text=text)
    return row.id


def user_of(client: httpx.Client) -> str:
    person = identify(client.cookies[SESSION_COOKIE])
    assert person is not None
    return person.user_id


@pytest.mark.usefixtures("inside")
def test_lists_and_search_are_read_by_their_owner_alone(server: LiveServer):
    client, other = server.sign_up(fresh_email()), server.sign_up(fresh_email())
    me = user_of(client)
    plain, pinned, archived, deleted = (talk(me, title, "Rivers flow") for title in ("A", "B", "C", "D"))
    pin_conversation(me, pinned, pinned=True)
    archive_conversation(me, archived, archived=True)
    delete_conversation(me, deleted)

    answer = client.get(LIST)
    assert answer.headers["cache-control"] == "no-store"
    page = answer.json()
    assert [row["id"] for row in page["pinned"]] == [pinned]
    assert [row["id"] for row in page["rows"]] == [plain]
    assert (page["more"], page["rows"][0]["title"], page["rows"][0]["pinned"]) == ("", "A", False)
    for shelf, wanted in (("archive", archived), ("trash", deleted)):
        rows = client.get(LIST, params={"shelf": shelf}).json()["rows"]
        assert [row["id"] for row in rows] == [wanted]

    found = client.get(f"{LIST}/search", params={"q": "riv flo"}).json()["found"]
    assert [hit["conversation_id"] for hit in found] == [archived, pinned, plain]
    assert found[0]["archived"] is True
    assert found[0]["snippet"] == "Rivers flow"

    assert other.get(LIST).json() == {"pinned": [], "rows": [], "more": ""}
    assert other.get(f"{LIST}/search", params={"q": "rivers"}).json() == {"found": []}


def test_what_is_no_list_no_place_or_no_search_is_refused_in_words(server: LiveServer):
    client = server.sign_up(fresh_email())
    for path, asked in (
        (LIST, {"shelf": "cellar"}),
        (LIST, {"after": "nowhere"}),
        (LIST, {"size": "many"}),
        (LIST, {"size": "9" * 30}),
        (f"{LIST}/search", {"q": "x" * (limits.MAX_SEARCH_CHARS + 1)}),
    ):
        answer = client.get(path, params=asked)
        assert (answer.status_code, bool(answer.json()["error"])) == (400, True), asked
    assert client.get(f"{LIST}/search", params={"q": "\x00"}).json() == {"found": []}


def test_a_stranger_and_a_key_read_no_list(server: LiveServer):
    for headers, status in (({}, 401), ({"Authorization": f"Bearer {KEY_PREFIX}nothing"}, 403)):
        for path in (LIST, f"{LIST}/search?q=x"):
            assert httpx.get(server.url + path, headers=headers).status_code == status
