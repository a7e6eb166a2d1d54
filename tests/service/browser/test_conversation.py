"""Conversations on the chat page, in a real browser."""

from typing import Any

import httpx2
from playwright.sync_api import Locator, Page, expect

from tests.helpers import Server

FIRST, FOLLOW = "Who nationalised the Suez Canal?", "When was it opened?"


def ask(page: Page, question: str) -> Locator:
    """Ask and wait until the whole answer is there; returns the turn, whatever is asked after it."""
    number = page.locator("article.turn").count()
    page.get_by_label("Ask your articles").fill(question)
    page.keyboard.press("Enter")
    turn = page.locator("article.turn").nth(number)
    expect(turn.locator("h2")).to_have_text(question)
    return answered(turn)


def answered(turn: Locator) -> Locator:
    """Wait until the whole answer is there."""
    expect(turn.locator(".card")).to_be_visible()
    expect(turn).not_to_have_attribute("aria-busy", "true")
    return turn


def kept(server: Server) -> list[dict[str, Any]]:
    """The conversations that the service keeps, newest first."""
    found: list[dict[str, Any]] = httpx2.get(f"{server.url}/v1/conversations").json()["conversations"]
    return found


def said(server: Server, conversation: str) -> list[dict[str, Any]]:
    """The messages of one."""
    found: list[dict[str, Any]] = httpx2.get(f"{server.url}/v1/conversations/{conversation}").json()["messages"]
    return found


def test_questions_follow_each_other_in_one_conversation(page: Page, server: Server) -> None:
    first = ask(page, FIRST)
    expect(page.get_by_label("Ask your articles")).to_have_value("")
    second = ask(page, FOLLOW)
    expect(page.locator("article.turn")).to_have_count(2)
    expect(first.locator(".answer")).to_have_text("Gamal Abdel Nasser")
    expect(second.locator(".answer")).to_have_text("1869")
    assert [one["question"] for one in said(server, kept(server)[0]["id"])] == [FIRST, FOLLOW]
    # What was asked last stands at the top, and can be asked on without scrolling.
    expect(second.locator("h2")).to_be_in_viewport()
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_in_viewport()


def test_what_a_follow_up_was_taken_to_mean_is_shown_and_corrected_in_place(page: Page, server: Server) -> None:
    ask(page, FIRST)
    turn = ask(page, FOLLOW)
    meant = turn.locator(".understood button")
    expect(meant).to_contain_text("Suez Canal")
    meant.focus()
    page.keyboard.press("Enter")
    field = turn.get_by_label("What the question means")
    expect(field).to_be_focused()
    page.keyboard.press("Escape")
    expect(meant).to_be_focused()
    page.keyboard.press("Enter")
    better = "Where did the Great Fire of London begin?"
    field.fill(better)
    page.keyboard.press("Enter")
    expect(meant).to_have_text(better)
    expect(answered(turn).locator(".card")).to_contain_text("Pudding Lane")
    expect(turn.locator("h2")).to_have_text(FOLLOW)
    expect(page.locator("article.turn")).to_have_count(2)
    messages = said(server, kept(server)[0]["id"])
    assert [(one["question"], one["standalone_question"]) for one in messages] == [(FIRST, FIRST), (FOLLOW, better)]


def test_a_new_conversation_knows_nothing_of_the_one_before(page: Page, server: Server) -> None:
    ask(page, FIRST)
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator("article.turn")).to_have_count(0)
    expect(page.get_by_label("Ask your articles")).to_be_focused()
    expect(page.locator("#examples")).to_be_visible()
    turn = ask(page, FOLLOW)
    expect(turn.locator(".understood")).to_have_count(0)
    assert [one["title"] for one in kept(server)[:2]] == [FOLLOW, FIRST]


def test_an_earlier_conversation_is_opened_asked_on_and_forgotten(page: Page, server: Server) -> None:
    title = "Where did the Great Fire of London begin?"
    ask(page, title)
    conversation = kept(server)[0]["id"]
    page.get_by_role("button", name="New conversation").click()
    page.get_by_role("button", name="Earlier conversations").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name=title).first.click()
    expect(dialog).to_be_hidden()
    expect(page.locator("article.turn .answer")).to_contain_text("Pudding Lane")
    ask(page, "When did it begin?")
    assert len(said(server, conversation)) == 2
    page.get_by_role("button", name="Earlier conversations").click()
    forget = dialog.get_by_role("button", name=f"Forget {title}").first
    forget.click()
    expect(dialog.get_by_text("Really forget?")).to_be_visible()
    assert kept(server)[0]["id"] == conversation
    forget.click()
    expect(dialog.get_by_text("Really forget?")).to_have_count(0)
    assert conversation not in [one["id"] for one in kept(server)]
    page.keyboard.press("Escape")
    expect(page.locator("article.turn")).to_have_count(0)


def test_loaded_again_the_conversation_stands_as_it_was(page: Page, server: Server) -> None:
    ask(page, FIRST)
    ask(page, FOLLOW)
    before = len(kept(server))
    page.reload()
    expect(page.locator("article.turn h2")).to_have_text([FIRST, FOLLOW])
    assert len(kept(server)) == before


def test_a_conversation_that_is_no_longer_kept_makes_way_for_a_new_one(page: Page, server: Server) -> None:
    ask(page, FIRST)
    gone = kept(server)[0]["id"]
    assert httpx2.delete(f"{server.url}/v1/conversations/{gone}").status_code == 204
    turn = ask(page, "When did Kim first meet Putin?")
    expect(turn.locator(".answer")).to_have_text("April 2019")
    expect(turn.get_by_role("alert")).to_have_count(0)
    assert kept(server)[0]["id"] != gone and len(said(server, kept(server)[0]["id"])) == 1


def test_an_answer_whose_article_went_is_withdrawn_where_the_conversation_is_opened(page: Page, server: Server) -> None:
    body = {"id": "weir", "title": "The weir", "text": "The weir at Dorl was raised by Emil Raabe in 1874."}
    httpx2.post(f"{server.url}/v1/articles", json=body, timeout=60).raise_for_status()
    turn = ask(page, "Who raised the weir at Dorl?")
    expect(turn.locator(".answer")).to_have_text("Emil Raabe")
    httpx2.delete(f"{server.url}/v1/articles/weir").raise_for_status()
    page.reload()
    expect(page.locator("article.turn .card")).to_contain_text("has been removed or has changed")
    expect(page.locator("article.turn")).not_to_contain_text("Emil Raabe")


def test_an_answer_opens_its_article_whichever_collection_is_chosen_by_then(page: Page, server: Server) -> None:
    text = "The lighthouse at Vessel Point was lit by Mara Quill in 1902."
    body = {"id": "light", "title": "The light", "text": text, "collection": "coast"}
    httpx2.post(f"{server.url}/v1/articles", json=body, timeout=60).raise_for_status()
    try:
        page.reload()
        page.get_by_label("Collection").select_option("coast")
        turn = ask(page, "Who lit the lighthouse at Vessel Point?")
        for _ in range(2):  # as it was asked, and as the conversation is opened again
            page.get_by_label("Collection").select_option("default")
            turn.get_by_role("button", name="Open the article here").first.click()
            expect(page.get_by_role("dialog").locator(".text")).to_have_text(text)
            page.keyboard.press("Escape")
            page.reload()
            expect(turn.locator(".answer")).to_have_text("Mara Quill")
    finally:
        httpx2.delete(f"{server.url}/v1/collections/coast").raise_for_status()


def test_a_conversation_is_saved_and_an_answer_copied_with_its_citation(page: Page, server: Server) -> None:
    expect(page.get_by_text("Take along")).to_be_hidden()
    ask(page, FIRST)
    turn = ask(page, FOLLOW)
    page.get_by_text("Take along").click()
    page.get_by_label("Citations").select_option("mla")
    for format_, suffix in (("Markdown", "md"), ("table (CSV)", "csv"), ("JSON", "json")):
        with page.expect_download() as waited:
            page.get_by_role("button", name=format_, exact=True).click()
        saved = waited.value
        assert saved.suggested_filename.endswith(f".{suffix}")
        text = saved.path().read_text(encoding="utf-8")
        assert FIRST in text and FOLLOW in text and "Gamal Abdel Nasser" in text and "1869" in text
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    turn.get_by_role("button", name="Copy with citation").click()
    expect(turn.get_by_role("button", name="Copied")).to_be_visible()
    answer, sentence, citation = page.evaluate("navigator.clipboard.readText()").split("\n")
    assert answer == "1869" and "1869" in sentence
    assert citation.startswith("Ferreira, Jonas. “The Suez crisis of 1956.” ")
