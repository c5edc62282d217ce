"""A headless Chromium without a network, and the content of its page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
    "--window-size=1200,1000",
    # No name resolves, and the proxy is a port that nobody listens on.
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--proxy-server=127.0.0.1:9",
)
#: Seconds to wait for the charts.
_TIMEOUT = 60.0

_LOADED = """
return performance.getEntriesByType("resource").map((entry) => entry.name)
"""
_MARKS = """
return [...arguments[0].querySelectorAll(arguments[1])].filter((mark) => {
  const box = mark.getBBox();
  return box.width > 0 || box.height > 0;
}).length
"""


class Page:
    """A page in the browser."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, path: Path) -> None:
        """Open a file and wait until each of its charts is drawn or shows an error."""
        self.driver.get_log("browser")  # drop the messages of earlier pages
        self.driver.get(path.resolve().as_uri())
        WebDriverWait(self.driver, _TIMEOUT).until(
            lambda _: all(chart.text for chart in self.all(".chart"))
        )

    def all(self, selector: str) -> list[WebElement]:
        """Return every element that matches a CSS selector."""
        return self.driver.find_elements("css selector", selector)

    def one(self, selector: str) -> WebElement:
        """Return the only element that matches a CSS selector."""
        (element,) = self.all(selector)
        return element

    def charts(self) -> dict[str, WebElement]:
        """Return the charts by their ids."""
        return {str(chart.get_attribute("id")): chart for chart in self.all(".chart")}

    def marks(self, chart: WebElement, selector: str) -> int:
        """Return how many marks of a chart have an extent, so are drawn."""
        return int(self.driver.execute_script(_MARKS, chart, selector))

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a script in the page and return its result."""
        return self.driver.execute_script(script, *arguments)

    def loaded(self) -> list[str]:
        """Return the URLs of everything that the page has loaded besides itself."""
        return list(self.run(_LOADED))

    def console_messages(self) -> list[str]:
        """Return the messages of the console."""
        return [entry["message"] for entry in self.driver.get_log("browser")]


def browser_session(profile: Path) -> Iterator[Page]:
    """Yield a browser with a new profile; if none is installed, skip, or fail in CI."""
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if binary is None or driver is None:
        reason = "chromium and chromedriver are not installed"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    session = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield Page(session)
    finally:
        session.quit()
