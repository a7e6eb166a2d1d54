"""The chat page of a service that wants a key."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from api.auth.callers import Scope
from api.auth.keys import Keys, new_secret
from tests.helpers import Server

QUESTION = "Who won the prize?"


@pytest.fixture(scope="module")
def server(keys: Keys) -> Iterator[Server]:
    folder = keys._records.path.parent
    keys.add("first", Scope.ASK)
    with Server(folder, folder.parent / "log") as running:
        yield running


def use(page: Page, key: str) -> None:
    page.get_by_label("Key").fill(key)
    page.get_by_role("button", name="Use it").click()


def test_the_page_asks_for_a_key_once_and_keeps_it_for_the_tab(page: Page, keys: Keys, browser: Browser) -> None:
    _, key = keys.add("reader", Scope.ASK)
    # Several requests were refused: one field.
    expect(page.get_by_label("Key")).to_have_count(1)
    expect(page.locator("form.key")).to_contain_text("This service wants a key.")
    assert page.get_by_label("Key").get_attribute("type") == "password"
    page.get_by_label("Key").fill("schlüssel")  # no header can hold that
    page.get_by_role("button", name="Use it").click()
    expect(page.locator("form.key")).to_contain_text("This service wants a key.")
    use(page, new_secret())
    expect(page.locator("form.key")).to_contain_text("That key is not accepted here.")
    use(page, key)
    expect(page.locator("form.key")).to_have_count(0)
    expect(page.locator("#examples button").first).to_be_visible()  # what was refused was asked again
    page.get_by_label("Ask your articles").fill(QUESTION)
    page.keyboard.press("Enter")
    expect(page.locator("article.turn").first).not_to_have_attribute("aria-busy", "true")
    expect(page.locator("article.turn .problem")).to_have_count(0)
    page.reload()
    expect(page.locator("article.turn h2")).to_have_text(QUESTION)
    expect(page.locator("article.turn .card")).to_be_visible()
    expect(page.locator("form.key")).to_have_count(0)
    assert key not in page.url and page.evaluate("document.cookie") == ""
    assert page.evaluate("localStorage.length") == 0
    # Not in another tab, and gone when it is revoked.
    keys.revoke("reader")
    page.get_by_role("button", name="Articles").click()
    expect(page.get_by_role("dialog").get_by_label("Key")).to_be_visible()
    use(page, keys.add("reader", Scope.ASK)[1])
    expect(page.get_by_role("dialog").locator(".list li button").first).to_be_visible()


def test_what_a_key_does_not_allow_is_said_in_words(page: Page, keys: Keys) -> None:
    use(page, keys.add("asker", Scope.ASK)[1])
    page.get_by_role("button", name="Add an article").click()
    page.get_by_label("Text, or choose a file").fill("The mill of Tarn was built in 1788.")
    page.locator("#add-form .primary").click()
    expect(page.locator("#add .problem")).to_contain_text("the scope write is wanted")


def test_the_field_for_the_key_is_always_where_it_can_be_reached(page: Page, keys: Keys) -> None:
    dialog = page.get_by_role("dialog")
    page.get_by_role("button", name="Articles").click()
    expect(dialog.get_by_label("Key")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.get_by_label("Key")).to_be_focused()
    page.get_by_role("button", name="Earlier").click()
    expect(dialog.get_by_label("Key")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_label("Key")).to_be_focused()  # its moving takes the focus, and comes after the closing
    page.get_by_label("Ask your articles").fill(QUESTION)
    page.keyboard.press("Enter")
    expect(page.locator("form.key")).to_have_count(1)
    use(page, keys.add("somebody", Scope.ASK)[1])
    expect(page.locator("article.turn").first).not_to_have_attribute("aria-busy", "true")
    expect(page.locator("article.turn .card")).to_be_visible()
