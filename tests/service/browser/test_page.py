"""The chat page in a real browser, with real models behind it."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page, Route, expect

from tests.helpers import Server

QUESTION = "When did Kim first meet Putin?"
ANSWER = "April 2019"


def ask(page: Page, question: str) -> Any:
    """Ask and wait until the whole answer is there; returns the turn."""
    page.get_by_label("Ask your articles").fill(question)
    page.keyboard.press("Enter")
    turn = page.locator("article.turn").last
    expect(turn.locator("h2")).to_have_text(question)
    expect(turn).not_to_have_attribute("aria-busy", "true")
    return turn


@pytest.fixture
def article(server: Server) -> Iterator[dict[str, str]]:
    """An article full of what breaks pages: markup, emoji, combining marks, right-to-left text."""
    body = {
        "id": "odd",
        "title": "<img src=x onerror=alert(1)> Zoë’s landing",
        "source": "<script>alert(2)</script>",
        "url": "https://example.org/?a=\"><script>alert(3)</script>",
        "published": "1999-05-04",
        "text": "🎉🎉 Le cafe\u0301 e\u0301tait ferme\u0301. שלום עולם. <b onclick=alert(4)>The 👩\u200d🚀 astronaut"
        "</b> Zoë Ma\u0301rquez landed 🚀 in Oulu in 1999 & slept. مرحبا بالعالم.",
    }  # fmt: skip
    assert httpx2.post(server.url + "/v1/articles", json=body, timeout=60).status_code in (200, 201)
    yield body
    httpx2.delete(server.url + "/v1/articles/odd")


def test_an_answer_with_its_sentence_source_and_date(page: Page) -> None:
    turn = ask(page, QUESTION)
    expect(turn.locator(".answer")).to_have_text(ANSWER)
    expect(turn.locator("blockquote").first.locator("mark")).to_have_text(ANSWER)
    expect(turn.locator(".sure").first).to_contain_text("of 100")
    expect(turn.locator(".cite").first).to_contain_text("2023")
    turn.get_by_text("In its passage").click()
    expect(turn.locator("p.passage mark")).to_have_text(ANSWER)
    expect(page.get_by_role("status")).to_contain_text(ANSWER)


def test_a_question_in_another_language_has_a_quiet_line_that_says_so(page: Page) -> None:
    turn = ask(page, "Wann traf Kim Putin zum ersten Mal?")
    expect(turn.locator(".beside")).to_contain_text("seems to be in German")
    expect(ask(page, QUESTION).locator(".beside")).to_have_count(0)


def test_the_article_opens_at_the_place(page: Page) -> None:
    turn = ask(page, QUESTION)
    opener = turn.get_by_role("button", name="Open the article here").first
    opener.click()
    dialog = page.get_by_role("dialog")
    mark = dialog.locator("mark")
    expect(mark).to_have_text(ANSWER)
    expect(mark).to_be_in_viewport()
    assert dialog.locator(".masked").count() > 0
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


STREAM = """() => {
  const real = window.fetch;
  const body = new ReadableStream({ start: (controller) => {
    const bytes = (text) => new TextEncoder().encode(text);
    window.push = (name, data) => controller.enqueue(bytes(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`));
    window.end = () => controller.close();
  } });
  const reply = new Response(body, { headers: { "Content-Type": "text/event-stream" } });
  window.fetch = (url, options) => String(url).endsWith("/messages") ? Promise.resolve(reply) : real(url, options);
}"""


def test_a_better_answer_leaves_what_was_opened_and_the_focus(page: Page, server: Server) -> None:
    reply = httpx2.post(f"{server.url}/v1/ask", json={"question": QUESTION}, timeout=60).json()
    first = reply["answers"][0]
    # As it is while it is being read: fewer other answers.
    early = {**reply, "answers": [first, {**first, "text": "2018", "confidence": 0.3}]}
    late = {**reply, "answers": [first, *([{**first, "text": "2017", "confidence": 0.3}] * 2)]}
    page.evaluate(STREAM)  # events come when the test says so
    page.get_by_label("Ask your articles").fill(QUESTION)
    page.keyboard.press("Enter")
    page.evaluate("reply => window.push('answer', reply)", early)
    turn = page.locator("article.turn").last
    expect(turn.get_by_text("Other answers (1)")).to_be_visible()
    turn.get_by_text("Other answers").click()
    turn.get_by_text("In its passage").click()
    opener = turn.get_by_role("button", name="Open the article here").first
    opener.focus()
    before = opener.element_handle()
    page.evaluate("reply => window.push('answer', reply)", late)
    expect(turn.get_by_text("Other answers (1)")).to_have_count(0)
    assert before is not None and not before.evaluate("button => button.isConnected")  # it was drawn anew
    expect(opener).to_be_focused()
    expect(turn.locator("p.passage mark")).to_be_visible()
    expect(turn.locator("details[data-key=others]")).to_have_attribute("open", "")
    # An answer that goes takes its controls along: the card has the focus then, not some other control.
    nothing = {**reply, "answered": False, "answer": None, "reason": "below_threshold", "answers": []}
    page.evaluate("reply => { window.push('answer', reply); window.push('done', reply); window.end(); }", nothing)
    expect(turn.locator(".none")).to_be_visible()
    expect(turn).to_be_focused()


def test_no_answer_shows_the_closest_passages(page: Page) -> None:
    turn = ask(page, "Who won the 2022 World Cup?")
    expect(turn.locator(".none")).to_have_text("No answer found.")
    expect(turn.locator("p.passage").first).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("No answer found.")


def test_an_example_asks_itself_and_its_address_can_be_shared(page: Page, server: Server) -> None:
    example = page.locator("#examples button").first
    words = example.inner_text()
    example.click()
    expect(page.locator("article.turn h2").last).to_have_text(words)
    expect(page.locator("article.turn .answer").last).to_be_visible()
    page.wait_for_url("**/?q=*")
    page.reload()
    expect(page.locator("article.turn h2").last).to_have_text(words)


def test_an_article_is_added_asked_and_removed(page: Page) -> None:
    page.get_by_role("button", name="Add an article").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Text, or choose a file").fill("The mill at Harn was closed by Ada Brook in 1931.\nHome » News")
    dialog.get_by_label("Title").fill("The mill at Harn")
    dialog.get_by_label("Author").fill("Ida Quist")
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("status")).to_contain_text("1 passage")
    turn = ask(page, "Who closed the mill at Harn?")
    expect(turn.locator(".answer")).to_have_text("Ada Brook")
    expect(turn.locator(".card")).to_contain_text("Ida Quist")

    page.get_by_role("button", name="Articles").first.click()
    page.get_by_label("Show titles with").fill("mill at harn")
    row = page.locator("#articles li:visible")
    expect(row).to_have_count(1)
    row.get_by_role("button", name="Remove The mill at Harn").click()
    expect(row.get_by_text("Really remove?")).to_be_visible()
    row.get_by_role("button", name="Remove The mill at Harn").click()
    expect(row).to_have_count(0)
    page.keyboard.press("Escape")
    turn = ask(page, "Who closed the mill at Harn in the end?")
    expect(turn).not_to_contain_text("Ada Brook")


def test_files_are_added_as_they_are_and_each_outcome_is_shown(page: Page, server: Server) -> None:
    page.get_by_role("button", name="Add an article").click()
    dialog = page.get_by_role("dialog")
    chosen = [
        {
            "name": "<b>kiln.txt",
            "mimeType": "text/plain",
            "buffer": b"The kiln at Sorn was lit by Ida Vane in 1911.",
        },
        {"name": "tool.exe", "mimeType": "application/octet-stream", "buffer": b"MZ\x00\x01" * 40},
    ]
    dialog.get_by_label("Or add files as they are").set_input_files(chosen)  # type: ignore[arg-type]
    outcome = dialog.locator(".outcome li")
    expect(outcome).to_have_count(2)
    expect(outcome.first).to_contain_text("1 passage")
    expect(outcome.last).to_contain_text("tool.exe: this is a Windows program")
    dialog.get_by_label("Or add files as they are").set_input_files(chosen[1:])  # type: ignore[arg-type]
    expect(outcome).to_have_count(1)
    expect(outcome).to_contain_text("Windows program")
    page.keyboard.press("Escape")
    turn = ask(page, "Who lit the kiln at Sorn?")
    expect(turn.locator(".answer")).to_have_text("Ida Vane")
    listed = httpx2.get(server.url + "/v1/articles?limit=100", timeout=60).json()["articles"]
    added = [one["id"] for one in listed if "kiln" in one["title"].lower() or "kiln" in one["id"]]
    assert len(added) == 1
    httpx2.delete(f"{server.url}/v1/articles/{added[0]}", timeout=60)


def test_what_cannot_be_added_says_why_and_keeps_what_was_typed(page: Page) -> None:
    page.get_by_role("button", name="Add an article").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Text, or choose a file").fill("   ")
    dialog.get_by_label("Title").fill("Kept")
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("empty")
    expect(dialog.get_by_label("Title")).to_have_value("Kept")


def test_markup_and_odd_characters_are_shown_as_they_are(page: Page, article: dict[str, str]) -> None:
    turn = ask(page, "Where did the astronaut land?")
    expect(turn.locator(".answer")).to_have_text("Oulu")
    expect(turn.locator("blockquote mark").first).to_have_text("Oulu")
    expect(turn.locator(".cite").first).to_contain_text(article["title"])
    expect(turn.locator(".cite").first).to_contain_text(article["source"])
    turn.get_by_text("In its passage").click()
    expect(turn.locator("p.passage mark")).to_have_text("Oulu")
    turn.get_by_role("button", name="Open the article here").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("mark")).to_have_text("Oulu")
    # What the browser holds is the article's text, but for the marks that would turn text around.
    assert dialog.locator(".text").evaluate("node => node.textContent") == article["text"]
    assert page.locator("img[src=x], main script, dialog script, b[onclick]").count() == 0


def test_a_question_can_be_asked_and_an_answer_opened_by_keyboard_alone(page: Page) -> None:
    expect(page.get_by_label("Ask your articles")).to_be_focused()
    page.keyboard.type(QUESTION)
    page.keyboard.press("Enter")
    turn = page.locator("article.turn").last
    opener = turn.get_by_role("button", name="Open the article here").first
    expect(opener).to_be_visible()
    expect(turn).not_to_have_attribute("aria-busy", "true")  # until then it is drawn anew as answers improve
    for _ in range(40):
        if opener.evaluate("node => node === document.activeElement"):
            break
        page.keyboard.press("Tab")
    expect(opener).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.get_by_label("Ask your articles")).to_be_focused()


def test_everything_that_can_be_used_has_a_name(page: Page) -> None:
    ask(page, QUESTION)
    for opener in ("Articles", "Add an article"):
        page.get_by_role("button", name=opener).first.click()
        page.locator("dialog[open] li button, dialog[open] textarea").first.wait_for()
        nameless = page.evaluate(
            """() => [...document.querySelectorAll('button, input, select, textarea, a')].filter(node =>
                !(node.getAttribute('aria-label') || node.labels?.length || node.textContent.trim()))
                .map(node => node.outerHTML)"""
        )
        assert nameless == []
        page.keyboard.press("Escape")
    assert page.locator("h2").count() > 0 and page.locator("main").count() == 1
    assert page.locator("html").get_attribute("lang") == "en"


@pytest.mark.parametrize("look", [{"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}])
def test_a_phone_needs_no_sideways_scrolling(page: Page, look: dict[str, Any]) -> None:
    turn = ask(page, QUESTION)
    expect(turn.locator(".answer")).to_be_visible()
    width = "document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"
    assert page.evaluate(width) <= 0
    turn.get_by_role("button", name="Open the article here").first.click()
    expect(page.get_by_role("dialog").locator("mark")).to_be_in_viewport()
    assert page.evaluate(width) <= 0
    buttons = page.locator("#ask button:visible").all()
    assert len(buttons) == 3 and all(one.bounding_box()["height"] >= 40 for one in buttons)  # type: ignore[index]


BRIGHTNESS = """() => {
    const [r, g, b] = getComputedStyle(document.documentElement).backgroundColor.match(/[0-9.]+/g).map(Number);
    return (r + g + b) / 3;
}"""


@pytest.mark.parametrize("look", [{"color_scheme": "dark"}, {"color_scheme": "light"}])
def test_dark_and_light(page: Page, look: dict[str, Any]) -> None:
    painted = page.evaluate(BRIGHTNESS)
    assert painted < 80 if look["color_scheme"] == "dark" else painted > 200


def test_a_busy_service_is_asked_again_and_named_in_words_if_it_stays_busy(page: Page) -> None:
    statuses: list[int] = []

    def refuse(route: Route) -> None:
        statuses.append(503)
        route.fulfill(
            status=503,
            headers={"Retry-After": "1", "Content-Type": "application/problem+json"},
            body='{"type":"https://x","title":"t","status":503,"detail":"too many questions wait: try again"}',
        )

    page.route("**/messages", refuse, times=2)
    page.get_by_label("Ask your articles").fill(QUESTION)
    page.keyboard.press("Enter")
    expect(page.locator("article.turn .answer").last).to_have_text(ANSWER)
    assert len(statuses) == 2 and page.get_by_role("alert").count() == 0
    page.route("**/messages", refuse)
    turn = page.locator("article.turn").last
    page.get_by_label("Ask your articles").fill(QUESTION)
    page.keyboard.press("Enter")
    expect(turn.get_by_role("alert")).to_have_text("too many questions wait: try again")
    assert len(statuses) == 5
    page.unroute("**/messages")
    turn.get_by_role("button", name="Try again").click()
    expect(page.locator("article.turn .answer").last).to_have_text(ANSWER)
