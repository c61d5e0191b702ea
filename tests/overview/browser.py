"""Chromium, driven by Playwright: how the tests look at a page."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, sync_playwright

_SWITCHES = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# Without loading style sheets once more, which the page forbids.
_OPTIONS = {
    "runOnly": {"type": "tag", "values": WCAG},
    "resultTypes": ["violations"],
    "preload": False,
}


@contextmanager
def launch() -> Iterator[Browser]:
    """Give a browser; skip where there is none, but in a complete run fail."""
    found = shutil.which("chromium")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("chromium is not installed: tests/run installs it")
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, args=[*_SWITCHES], timeout=120_000
        )
        try:
            yield browser
        finally:
            browser.close()


class Watched:
    """A page in a context of its own, whose errors and console messages are collected."""

    def __init__(self, browser: Browser, **context: Any) -> None:
        self.complaints: list[str] = []
        self._context = browser.new_context(
            **{"viewport": {"width": 1600, "height": 900}, **context}
        )
        self._context.set_default_timeout(120_000)
        self.page: Page = self._context.new_page()
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))
        self.page.on("requestfailed", lambda request: self.complaints.append(request.url))

    def close(self) -> None:
        self._context.close()

    def find_violations(self) -> list[str]:
        """Return what axe-core finds by the rules of WCAG 2.2, levels A and AA."""
        found = Axe().run(self.page, options=_OPTIONS)
        return [
            f"{each['id']}: {each['nodes'][0]['html'][:200]} {each['nodes'][0]['failureSummary']}"
            for each in found.response["violations"]
        ]
