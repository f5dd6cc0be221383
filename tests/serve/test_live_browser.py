# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Live pages in a real browser: they change by themselves, and nothing is refused.

Nightly, as Chromium is a program of its own.
"""

from __future__ import annotations

import pytest
from helpers.browser import axe_script, chromium
from helpers.live_server import Tables, request, serving
from helpers.programs import wait_for

pytestmark = [pytest.mark.nightly, pytest.mark.slow]
EVENT = "Swift-1126853"
LIMIT_MS = 60_000


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture
def tables(tmp_path) -> Tables:
    return Tables(tmp_path, ["grb221009a_xrt.xml"])


@pytest.fixture
def port(tables):
    with serving(tables.data) as port:
        wait_for(lambda: request(port, f"/{EVENT}/")[0] == 200)
        yield port


def opened(browser, address: str, **how):
    """Open a page; return it and what the console says."""
    page, messages = browser.new_page(**how), []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.goto(address)
    page.get_by_text("Live").wait_for(timeout=LIMIT_MS)
    return page, messages


def test_a_page_and_the_index_change_by_themselves(browser, tables, port):
    page, messages = opened(browser, f"http://127.0.0.1:{port}/{EVENT}/")
    index, more = opened(browser, f"http://localhost:{port}/")
    assert "ZTF22aaaagrb" not in page.content()
    tables.commit_match()
    page.get_by_text("Live: changed at").wait_for(timeout=LIMIT_MS)
    assert page.locator(".verdict a").inner_text() == "ZTF22aaaagrb"
    index.get_by_text("ZTF22aaaagrb").first.wait_for(timeout=LIMIT_MS)
    assert messages == more == []  # no policy has refused anything


def test_what_is_read_by_keyboard_changes_on_request(browser, tables, port):
    page, messages = opened(browser, f"http://127.0.0.1:{port}/{EVENT}/")
    page.locator("main a").first.focus()
    tables.commit_match()
    button = page.get_by_role("button", name="Show the changes")
    button.wait_for(timeout=LIMIT_MS)
    assert "ZTF22aaaagrb" not in page.locator("main").inner_text()
    button.focus()
    page.keyboard.press("Enter")
    page.get_by_text("Live: changed at").wait_for(timeout=LIMIT_MS)
    assert "ZTF22aaaagrb" in page.locator("main").inner_text()
    assert messages == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_live_page_has_no_faults_that_axe_finds(browser, port, scheme):
    how = {"color_scheme": scheme, "bypass_csp": True}  # or axe could not be added
    page, _ = opened(browser, f"http://127.0.0.1:{port}/{EVENT}/", **how)
    page.evaluate(axe_script())
    assert page.evaluate("axe.run()")["violations"] == []


def test_the_page_says_when_the_server_is_gone(browser, tables):
    with serving(tables.data) as port:
        page, _ = opened(browser, f"http://127.0.0.1:{port}/")
    page.get_by_text("Not live").wait_for(timeout=LIMIT_MS)
