"""<citespan-ask> on pages of other origins, samples/widget and docs/integrations/widget.md among them."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from api.auth.callers import Scope
from api.auth.keys import Keys
from index import Records
from tests.helpers import ROOT, Server
from tests.pages import ADDRESS, texts
from tests.service.browser.hosts import Host

QUESTION, ANSWER = "When did Kim first meet Putin?", "April 2019"
DOCUMENT = (ROOT / "docs" / "integrations" / "widget.md").read_text(encoding="utf-8")
SAMPLE = ROOT / "samples" / "widget"
# Full of what breaks pages: markup, emoji, combining marks, right-to-left text and marks that turn it.
ODD = {
    "id": "odd",
    "title": "<img src=x onerror=alert(1)> Zoë’s landing",
    "source": "<script>alert(2)</script>\u202eevil",
    "url": 'https://example.org/?a="><script>alert(3)</script>',
    "published": "1999-05-04T23:30:00-05:00",
    "text": "🎉🎉 Le cafe\u0301 e\u0301tait ferme\u0301. שלום עולם. <b onclick=alert(4)>The 👩\u200d🚀 astronaut"
    "</b> Zoë Ma\u0301rquez landed 🚀 in Oulu in 1999 & slept. مرحبا بالعالم.",
}


@dataclass
class Site:
    """A service that wants keys, and hosts: `host` and `other` may ask there, each its own way, `stranger` may not."""

    service: Server
    host: Host
    other: Host
    stranger: Host
    keys: dict[str, str]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, sample_library: Path) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    library = folder / "library"
    shutil.copytree(sample_library, library)
    with Host() as host, Host() as other, Host() as stranger:
        keys = {}
        records = Records(library)
        ring = Keys(records)
        keys["site"] = ring.add("site", Scope.ASK, collections=["default"], origins=[host.url])[1]
        keys["other"] = ring.add("other", Scope.ASK, origins=[other.url])[1]
        keys["setting"] = ring.add("setting", Scope.ASK)[1]
        keys["slow"] = ring.add("slow", Scope.ASK, origins=[host.url], rate="2/minute")[1]
        keys["admin"] = ring.add("admin", Scope.ADMIN)[1]
        records.close()
        # `other` may ask with any key, by the setting; `host` with those that name it.
        with Server(library, folder / "log", CITESPAN_ALLOWED_ORIGINS=json.dumps([other.url])) as service:
            admin = {"Authorization": f"Bearer {keys['admin']}"}
            httpx2.post(f"{service.url}/v1/articles", json=ODD, headers=admin, timeout=60).raise_for_status()
            # Its script and its service, and nothing else.
            policy = (
                f"default-src 'none'; script-src {service.url}; connect-src {service.url}; style-src 'self'; "
                "img-src data:; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
            )
            host.policy = other.policy = stranger.policy = policy
            yield Site(service, host, other, stranger, keys)


@pytest.fixture
def look() -> dict[str, Any]:
    return {"viewport": {"width": 900, "height": 850}}


@pytest.fixture
def show(browser: Browser, site: Site, look: dict[str, Any]) -> Iterator[Callable[..., Page]]:
    """Opens a page; a script error, a broken policy or a request to a third host fails the test."""
    context = browser.new_context(**look)
    context.set_default_timeout(20_000)
    page = context.new_page()
    wrong: list[str] = []
    # The browser writes of every reply that is an error, and of those that it keeps from the page.
    refused = re.compile(r"Failed to load resource|has been blocked by CORS policy")
    hosts = (site.service.url, site.host.url, site.other.url, site.stranger.url)
    page.on("pageerror", lambda error: wrong.append(f"script: {error}"))
    page.on(
        "console",
        lambda one: (
            wrong.append(one.text) if one.type in ("error", "warning") and not refused.search(one.text) else None
        ),
    )
    page.on("request", lambda one: None if one.url.startswith(hosts) else wrong.append(one.url))
    page.on("dialog", lambda one: (wrong.append(f"dialog: {one.message}"), one.dismiss()))

    def shown(body: str, *, host: Host | None = None, style: str = "", lang: str = "en") -> Page:
        place = host or site.host
        script = f'<script src="{site.service.url}/widget.js" defer></script>'
        head = f'<meta charset="utf-8"><link rel="icon" href="data:,"><link rel="stylesheet" href="own.css">{script}'
        place.pages = {
            "/": f'<!doctype html><html lang="{lang}"><head>{head}</head><body>{body}</body></html>',
            "/own.css": style,
        }
        page.goto(place.url)
        return page

    yield shown
    context.close()
    assert wrong == []


def box(site: Site, attributes: str = "", key: str = "site") -> str:
    return f'<citespan-ask key="{site.keys.get(key, key)}" {attributes}></citespan-ask>'


def ask(place: Page | Locator, question: str, label: str = "Ask our articles") -> Locator:
    """Ask and wait until the whole reply is there; returns the turn."""
    element = place if isinstance(place, Locator) else place.locator("citespan-ask")
    element.get_by_label(label).fill(question)
    element.get_by_label(label).press("Enter")
    return settled(element)


def settled(element: Locator) -> Locator:
    turn = element.locator(".turns .turn:not([aria-busy])")
    expect(turn.locator(".answer, .error").first).to_be_visible()
    return turn


def test_it_answers_on_a_page_of_another_origin_under_a_strict_policy(site: Site, show: Any) -> None:
    page = show(box(site))
    page.evaluate("addEventListener('citespan-answer', (event) => { window.heard = event.detail; })")
    turn = ask(page, QUESTION)
    expect(turn.locator(".answer")).to_have_text(ANSWER)
    expect(turn.locator("blockquote").first.locator("mark")).to_have_text(ANSWER)
    expect(turn.locator(".cite").first).to_contain_text("June 24, 2023")
    expect(page.get_by_role("status")).to_contain_text(ANSWER)
    heard = page.evaluate("window.heard")
    assert heard["answer"] == ANSWER and heard["answers"][0]["evidence"]


def test_what_stands_in_articles_is_shown_as_it_is_and_marked_where_it_stands(site: Site, show: Any) -> None:
    page = show(box(site))
    turn = ask(page, "Where did the astronaut land?")
    expect(turn.locator(".answer")).to_have_text("Oulu")
    quote = turn.locator("blockquote").first
    expect(quote.locator("mark")).to_have_text("Oulu")
    # The words around it are those of the article, though emoji before it take two of JavaScript's characters.
    assert "landed 🚀 in Oulu in 1999 & slept." in quote.evaluate("node => node.textContent")
    cite = turn.locator(".cite").first
    expect(cite).to_contain_text(ODD["title"])
    expect(cite).to_contain_text("<script>alert(2)</script>U+202Eevil")
    expect(cite).to_contain_text("May 4, 1999")  # as it was where it was published
    link = cite.get_by_role("link")
    address = link.get_attribute("href") or ""
    assert address.startswith("https://example.org/?a=%22%3E%3Cscript") and "#:~:text=" in address
    inside = "element => element.shadowRoot.querySelectorAll('img, script, b, [onclick], [onerror], style').length"
    assert page.locator("citespan-ask").evaluate(inside) == 0


def test_links_are_web_addresses_only(site: Site, show: Any) -> None:
    real = httpx2.post(
        f"{site.service.url}/v1/ask",
        json={"question": QUESTION},
        headers={"Authorization": f"Bearer {site.keys['admin']}"},
        timeout=60,
    ).json()
    page = show(box(site))
    allow = {"Access-Control-Allow-Origin": site.host.url}

    def reply(url: str) -> None:
        real["answers"][0]["evidence"][0]["article"]["url"] = url
        page.unroute_all()
        event = f"event: done\ndata: {json.dumps(real)}\n\n"
        page.route("**/v1/ask/stream", lambda route: route.fulfill(body=event, headers=allow))

    reply("https://example.org/a")
    expect(ask(page, "first").locator(".cite").first.get_by_role("link")).to_have_count(1)
    for url in ("javascript:alert(5)", " JaVaScRiPt:alert(5)", "data:text/html,x", "//example.org", "no address"):
        reply(url)
        expect(ask(page, url).locator(".cite").first).to_contain_text("2023")
        expect(page.locator("citespan-ask .cite a")).to_have_count(0)


def test_it_is_used_by_keyboard_alone(site: Site, show: Any) -> None:
    page = show(f"<p>Before</p>{box(site)}")
    page.keyboard.press("Tab")
    field = page.get_by_role("textbox", name="Ask our articles")
    expect(field).to_be_focused()
    assert field.evaluate("node => getComputedStyle(node).outlineStyle") == "solid"
    page.keyboard.type("Who nationalised the Suez Canal?")
    page.keyboard.press("Enter")
    turn = settled(page.locator("citespan-ask"))
    expect(field).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_focused()
    page.keyboard.press("Tab")
    expect(turn.get_by_role("link").first).to_be_focused()
    others = turn.get_by_text(re.compile("Other answers|Said elsewhere")).first
    page.keyboard.press("Tab")
    expect(others).to_be_focused()
    page.keyboard.press("Enter")
    expect(turn.locator("details[open] .other").first).to_be_visible()


def test_no_answer_shows_the_closest_passages(site: Site, show: Any) -> None:
    turn = ask(show(box(site)), "Who won the 2022 World Cup?")
    expect(turn.locator(".answer")).to_have_text("No answer found in the articles.")
    expect(turn.locator(".passage").first).to_be_visible()


def test_a_follow_up_goes_along_with_what_was_said_and_nothing_is_kept(site: Site, show: Any) -> None:
    page = show(box(site, "conversation"))
    sent: list[dict[str, Any]] = []
    page.on("request", lambda one: sent.append(one.post_data_json) if one.method == "POST" else None)
    ask(page, "Who nationalised the Suez Canal?")
    turn = ask(page, "When was it opened?")
    assert sent[0].get("history") is None
    assert [one["question"] for one in sent[1]["history"]] == ["Who nationalised the Suez Canal?"]
    expect(turn.locator(".understood")).to_have_text("Understood as: When was the Suez Canal opened?")
    expect(turn.locator(".answer")).to_have_text("1869")
    page.get_by_text("Earlier questions (1)").click()
    expect(page.locator("citespan-ask details .turn .answer")).to_have_text("Gamal Abdel Nasser")
    page.get_by_role("button", name="Start over").click()
    expect(page.locator("citespan-ask .turn")).to_have_count(0)
    expect(page.get_by_role("textbox")).to_be_focused()
    ask(page, QUESTION)
    assert sent[2].get("history") is None
    admin = {"Authorization": f"Bearer {site.keys['site']}", "Origin": site.host.url}
    kept = httpx2.get(f"{site.service.url}/v1/conversations", headers=admin)
    assert kept.status_code != 200 or kept.json()["conversations"] == []


def test_two_on_a_page_know_nothing_of_each_other(site: Site, show: Any) -> None:
    page = show(box(site, "id=a") + box(site, "id=b theme=dark", key="cs_wrong"))
    expect(ask(page.locator("#a"), QUESTION).locator(".answer")).to_have_text(ANSWER)
    expect(ask(page.locator("#b"), QUESTION).locator(".error")).to_have_text(
        "The key of this box is not accepted here."
    )
    expect(page.locator("#a .answer").first).to_have_text(ANSWER)
    paint = "node => getComputedStyle(node).backgroundColor"
    assert page.locator("#a").evaluate(paint) == "rgb(255, 255, 255)" != page.locator("#b").evaluate(paint)


@pytest.mark.parametrize(
    ("key", "attributes", "words"),
    [
        ("", "", "The key of this box is not accepted here."),
        ("cs_é", "", "The key of this box is not accepted here."),
        ("site", "collection=nowhere", "its key is not for this page or this collection"),
        ("other", "", "its key is not for this page or this collection"),
        ("slow", "collection=nowhere", "There is no such collection."),
        ("site", "filters='{'", "This did not work: "),
        ("site", """filters='{"published_from": "soon"}'""", "This did not work: published_from"),
    ],
)
def test_what_does_not_work_is_said_in_words(site: Site, show: Any, key: str, attributes: str, words: str) -> None:
    page = show(box(site, attributes, key=key))
    page.evaluate("addEventListener('citespan-error', (event) => { window.heard = event.detail; })")
    turn = ask(page, QUESTION)
    expect(turn.get_by_role("alert")).to_contain_text(words)
    assert page.evaluate("window.heard.message")
    expect(turn.get_by_role("button", name="Try again")).to_be_enabled()


def test_a_page_whose_origin_is_not_allowed_is_told_so(site: Site, show: Any) -> None:
    page = show(box(site, key="setting"), host=site.stranger)
    alert = ask(page, QUESTION).get_by_role("alert")
    expect(alert).to_contain_text(f"it is not running, or does not allow this page ({site.stranger.url})")


def test_an_origin_of_the_setting_may_ask_with_any_key_but_those_of_other_pages(site: Site, show: Any) -> None:
    expect(ask(show(box(site, key="setting"), host=site.other), QUESTION).locator(".answer")).to_have_text(ANSWER)
    page = show(box(site, key="site"), host=site.other)
    expect(ask(page, QUESTION).get_by_role("alert")).to_contain_text("its key is not for this page")


def test_too_many_questions_say_when_to_come_again(site: Site, show: Any) -> None:
    page = show(box(site, key="slow"))
    for _ in range(3):
        turn = ask(page, QUESTION)
    expect(turn.get_by_role("alert")).to_have_text(
        re.compile(r"Too many questions at the moment\. Try again in \d+ seconds\.")
    )
    expect(turn.get_by_role("button", name="Try again")).to_be_disabled()


def test_where_a_stream_is_cut_the_answer_is_asked_for_in_one_piece(site: Site, show: Any) -> None:
    page = show(box(site))
    allow = {"Access-Control-Allow-Origin": site.host.url}
    page.route("**/v1/ask/stream", lambda route: route.fulfill(body="event: retr", headers=allow))
    expect(ask(page, QUESTION).locator(".answer")).to_have_text(ANSWER)


def test_its_words_its_language_and_a_question_that_is_asked_at_once(site: Site, show: Any) -> None:
    german = texts(DOCUMENT, "html")[1].replace("<citespan-ask", f'<citespan-ask key="{site.keys["site"]}"')
    page = show(german)
    field = page.get_by_label("Fragen Sie unser Archiv")
    expect(field).to_have_attribute("placeholder", "Wer hat den Suezkanal verstaatlicht?")
    page.locator("citespan-ask").evaluate("(node, words) => node.setAttribute('question', words)", QUESTION)
    turn = settled(page.locator("citespan-ask"))
    expect(turn.locator(".answer")).to_have_text(ANSWER)
    expect(turn.locator(".cite").first).to_contain_text("24. Juni 2023")
    expect(turn.locator(".sure")).to_contain_text("von 100 solchen Fällen")
    named = set(json.loads(re.search(r"labels='(.*?)'", german, re.DOTALL)[1]))  # type: ignore[index]
    script = (ROOT / "api" / "static" / "widget.js").read_text(encoding="utf-8")
    words = re.search(r"const WORDS = \{(.*?)\n  \};", script, re.DOTALL)
    assert words and named | {"placeholder"} == set(re.findall(r'(\w+): "', words[1]))


def test_a_question_is_asked_when_it_comes_and_not_again_where_the_element_is_moved(site: Site, show: Any) -> None:
    page = show(f"<main></main><aside></aside>{box(site, 'hidden id=made')}")
    sent: list[str] = []
    page.on("request", lambda one: sent.append(one.post_data_json["question"]) if one.method == "POST" else None)
    page.evaluate(
        """([key, question]) => {
          const made = document.createElement("citespan-ask");
          made.setAttribute("key", key);
          made.setAttribute("question", question);
          document.querySelector("main").append(made);
        }""",
        [site.keys["site"], QUESTION],
    )
    made = page.locator("citespan-ask").first
    expect(settled(made).locator(".answer")).to_have_text(ANSWER)
    made.evaluate("node => document.querySelector('aside').append(node)")
    expect(page.locator("aside citespan-ask .turns .answer")).to_have_text(ANSWER)
    moved = page.locator("aside citespan-ask")
    moved.evaluate("node => node.removeAttribute('question')")
    moved.evaluate("node => node.setAttribute('question', 'When was the Suez Canal opened?')")
    expect(settled(moved).locator(".answer")).to_have_text("1869")
    assert sent == [QUESTION, "When was the Suez Canal opened?"]
    expect(page.locator("#made")).to_be_hidden()


def test_the_page_of_the_integration(site: Site, show: Any) -> None:
    snippet = texts(DOCUMENT, "html")[0].replace(ADDRESS, site.service.url)
    page = show(snippet.replace("cs_...", site.keys["site"]), style=texts(DOCUMENT, "css")[0])
    expect(ask(page, QUESTION).locator(".answer")).to_have_text(ANSWER)
    assert (
        page.locator("citespan-ask").evaluate("node => getComputedStyle(node).backgroundColor") == "rgb(255, 253, 248)"
    )
    sizes = page.locator("citespan-ask .answer").evaluate(
        "node => [node, node.closest('.turn')].map((one) => parseFloat(getComputedStyle(one).fontSize))"
    )
    assert sizes[0] == pytest.approx(1.3 * sizes[1], rel=0.01)
    page.evaluate(texts(DOCUMENT, "js")[0])
    expect(page).to_have_title("Gamal Abdel Nasser")
    parts = set(re.findall(r"`([a-z]+)`", DOCUMENT[DOCUMENT.index("Parts:") : DOCUMENT.index("## From a script")]))
    script = (ROOT / "api" / "static" / "widget.js").read_text(encoding="utf-8")
    made = set(re.findall(r'class: "(\w+)"', script)) - {"strange"}
    assert parts == made
    variables = set(re.findall(r"--citespan-([a-z-]+):", DOCUMENT))
    table = re.search(r"const COLOURS = \{(.*?)\n  \};", script, re.DOTALL)
    assert table and variables == {*re.findall(r'"?([a-z-]+)"?: \[', table[1]), "font", "radius"}


@pytest.mark.parametrize(
    "look",
    [
        {"viewport": {"width": 320, "height": 700}, "is_mobile": True, "has_touch": True},
        {"viewport": {"width": 1200, "height": 900}, "color_scheme": "dark"},
    ],
    ids=["narrow", "dark"],
)
def test_the_sample_page(site: Site, show: Any, look: dict[str, Any]) -> None:
    page = show("")
    files = {path.name: path.read_text(encoding="utf-8") for path in SAMPLE.iterdir()}
    index = files["index.html"].replace(ADDRESS, site.service.url)
    site.host.pages = {
        "/": index.replace("<citespan-ask ", f'<citespan-ask key="{site.keys["site"]}" '),
        "/style.css": files["style.css"],
    }
    page.goto(site.host.url)
    turn = ask(page, "When was the Suez Canal opened?", "Ask the archive")
    expect(turn.locator(".answer")).to_have_text("1869")
    assert page.evaluate("document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth") <= 0
    assert page.get_by_role("button", name="Ask", exact=True).bounding_box()["height"] >= 40
    shade = page.locator("citespan-ask").evaluate("node => getComputedStyle(node).backgroundColor")
    assert shade == ("rgb(28, 34, 42)" if look.get("color_scheme") == "dark" else "rgb(255, 253, 248)")


def test_right_to_left_pages_have_it_right_to_left(site: Site, show: Any) -> None:
    page = show(f'<main dir="rtl">{box(site)}</main>', lang="ar")
    turn = ask(page, QUESTION)
    button, field = page.get_by_role("button", name="Ask").bounding_box(), page.get_by_role("textbox").bounding_box()
    assert button and field and button["x"] < field["x"]
    # English quotations keep their own direction.
    assert turn.locator("blockquote").first.evaluate("node => getComputedStyle(node).direction") == "ltr"
