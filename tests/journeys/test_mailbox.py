"""Without a mail server, what people are told is in the sandbox's mailbox."""

import time

import httpx

from projectloom.ids import new_id
from tests.live import LiveServer, await_balance, buy


def mailbox(server: LiveServer, words: str) -> str:
    deadline = time.monotonic() + 20
    shown = ""
    while time.monotonic() < deadline:
        shown = httpx.get(f"{server.url}/sandbox/mailbox").raise_for_status().text
        if words in shown:
            return shown
        time.sleep(0.2)
    raise AssertionError(shown)


def test_a_purchase_shows_in_the_mailbox(server: LiveServer):
    email = f"{new_id('p').lower()}@example.org"
    client = server.sign_up(email)
    buy(client, 25)
    await_balance(client, "27.00")
    shown = mailbox(server, email)
    assert "Your purchase: $27.00 of credit" in shown
    assert f'<a href="{server.url}/credits">{server.url}/credits</a>' in shown
    control = httpx.get(f"{server.url}/sandbox/control").raise_for_status().text
    assert 'href="mailbox"' in control


def test_a_mail_is_kept_once_escaped_and_newest_first(server: LiveServer):
    letter = {"to": "a@example.org", "kind": "low_balance", "body": "<script>1</script> http://x/\"'", "created": 1}
    for subject in ("<b>first</b>", "second"):
        body = letter | {"id": new_id("mail"), "subject": subject}
        for _ in range(2):
            httpx.post(f"{server.url}/sandbox/mailbox/api", json=body).raise_for_status()
    shown = mailbox(server, "second")
    assert shown.count("second") == 1
    assert shown.index("second") < shown.index("&lt;b&gt;first&lt;/b&gt;")
    assert "<script>" not in shown
    assert '<a href="http://x/&quot;&#x27;">' in shown


def test_the_mailbox_refuses_what_is_no_mail_and_other_sites(server: LiveServer):
    url = f"{server.url}/sandbox/mailbox/api"
    assert httpx.post(url, json={"id": "mail_1"}).status_code == 422
    assert httpx.post(url, json={}, headers={"Origin": "https://evil.example"}).status_code == 403
