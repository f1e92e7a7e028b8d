"""A real browser for the tests of pages: the chromium of the system, driven by Playwright.

A test that opens a page fails if the page writes an error to its console, raises one, or requests
anything that is not a file of the report folder.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Dialog, Page, Request

Visit = Callable[..., "Page"]

MISSING = (
    "BROWSER TESTS NEED CHROMIUM, and no program of this name is here; "
    "install it (Debian: apt-get install chromium)."
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The chromium of the system, without a window; skips without one, fails where CI is set."""
    program = shutil.which("chromium")
    if program is None and os.environ.get("CI"):
        pytest.fail(MISSING)
    if program is None:
        pytest.skip(MISSING)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program)
        yield opened
        opened.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Opens pages: `visit(folder, "index.html#matrix", width=360, dark=True, javascript=False)`."""
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def open_page(
        folder: Path,
        address: str = "index.html",
        *,
        width: int = 1280,
        height: int = 900,
        dark: bool = False,
        javascript: bool = True,
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            java_script_enabled=javascript,
        )
        context.set_default_timeout(60_000)  # of a machine that does much else
        contexts.append(context)
        page = context.new_page()
        watch(page, folder, problems)
        name, _, fragment = address.partition("#")
        page.goto(f"{(folder.resolve() / name).as_uri()}{'#' if fragment else ''}{fragment}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


def watch(page: Page, folder: Path, problems: list[str]) -> None:
    """Notes what a page of a report folder must never do."""
    root = f"{folder.resolve().as_uri()}/"

    def note_request(url: str) -> None:
        if not url.startswith((root, "data:", "blob:")):
            problems.append(f"leaves the report: {url}")

    def note_failure(request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # the page was left before its icon had come
            problems.append(f"is not there: {request.url}")

    def note_dialog(dialog: Dialog) -> None:
        problems.append(f"asks: {dialog.message}")
        dialog.dismiss()

    page.on("request", lambda request: note_request(request.url))
    page.on("requestfailed", note_failure)
    page.on("pageerror", lambda error: problems.append(f"raises: {error}"))
    page.on("dialog", note_dialog)
    page.on(
        "console",
        lambda message: (
            problems.append(f"{message.type}: {message.text}")
            if message.type in ("error", "warning")
            else None
        ),
    )


def find_barriers(page: Page) -> list[str]:
    """Runs axe-core on a page; returns what it finds, a line an element."""
    from axe_playwright_python.base import AXE_SCRIPT

    page.evaluate(AXE_SCRIPT)
    found: dict[str, Any] = page.evaluate("axe.run({resultTypes: ['violations'], preload: false})")
    return [
        f"{rule['id']}: {json.dumps(node['target'])} {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
