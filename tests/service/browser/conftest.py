"""A real browser, and a page that must stay within its own rules."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.helpers import Server

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, for one module: Playwright keeps an event loop running, which asyncio.run does not bear."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def look() -> dict[str, Any]:
    """How the page is looked at; a test parametrises it for phones and the dark."""
    return {"viewport": {"width": 1200, "height": 850}}


@pytest.fixture
def page(browser: Browser, server: Server, look: dict[str, Any]) -> Iterator[Page]:
    """The chat page.  A script error, a broken rule or a request to another host fails the test."""
    context = browser.new_context(**look)
    context.set_default_timeout(20_000)
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(f"script: {error}"))
    # The browser writes of every reply that is an error; some tests ask for one.
    refused = "Failed to load resource: the server responded with a status of"
    opened.on(
        "console",
        lambda message: (
            wrong.append(message.text)
            if message.type in ("error", "warning") and not message.text.startswith(refused)
            else None
        ),
    )
    opened.on("request", lambda request: None if request.url.startswith(server.url) else wrong.append(request.url))
    opened.on("dialog", lambda dialog: (wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    opened.goto(server.url)
    yield opened
    context.close()
    assert wrong == []
