"""A headless Chromium for tests: it can reach this machine only, and says what it asked for."""
import json
import shutil
import sys
import time

import pytest

CHROMIUM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--no-first-run", "--hide-scrollbars", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")


def webdriver():
    """Selenium's module; skips where Chromium, its driver or Selenium is missing."""
    if not CHROMIUM or not DRIVER:
        pytest.skip("no chromium or chromedriver (tools/packages.txt)")
    pytest.importorskip("selenium.webdriver.chrome.service", reason="no python3-selenium (tools/packages.txt)")
    return sys.modules["selenium.webdriver"]


class Browser:
    """One window. `width` and `height` are what the page sees."""

    def __init__(self, base, profile):
        selenium = webdriver()
        options = selenium.ChromeOptions()
        options.binary_location = CHROMIUM
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = selenium.Chrome(service=selenium.chrome.service.Service(DRIVER), options=options)
        self.driver.set_page_load_timeout(60)
        self.driver.set_script_timeout(60)
        self.driver.get("about:blank")
        self.driver.get_log("performance")  # of the browser's own first page
        self.base = base
        self.asked = []
        self.said = []

    def size(self, width, height, dark=False):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})

    def open(self, place="#/"):
        """Goes to a place of the page and waits until something is there."""
        self.driver.get("about:blank")
        self.driver.get(f"{self.base}/{place}")
        self.wait("return document.querySelector('main h1') !== null")

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def wait(self, script, *arguments, seconds=20):
        """Waits until the script's answer counts as true, and returns it."""
        end = time.monotonic() + seconds
        while not (answer := self.run(script, *arguments)):
            assert time.monotonic() < end, (script, arguments, self.text()[:2000], self.logs())
            time.sleep(0.05)
        return answer

    def text(self, selector="body"):
        """The text that a reader sees."""
        return self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def texts(self, selector):
        return self.run("return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)",
                        selector)

    def count(self, selector):
        return self.run("return document.querySelectorAll(arguments[0]).length", selector)

    def find(self, selector):
        return self.driver.find_element("css selector", selector)

    def click(self, selector):
        self.wait("return document.querySelector(arguments[0]) !== null", selector)
        element = self.find(selector)
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def click_text(self, text):
        """Clicks the button or link with this text."""
        element = self.wait(
            "return [...document.querySelectorAll('button, a, summary')].find("
            "(e) => e.textContent.trim() === arguments[0] && e.checkVisibility()) ?? null", text)
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def write(self, selector, text, enter=True):
        element = self.find(selector)
        element.clear()
        element.send_keys(text + ("\ue007" if enter else ""))

    def choose(self, selector, value):
        self.run("arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('change'))",
                 self.find(selector), value)

    def logs(self):
        """What the page said on the console since it was started."""
        self.said += [line for line in self.driver.get_log("browser") if line["level"] != "DEBUG"]
        return self.said

    def requests(self):
        """All URLs asked for since the start."""
        for line in self.driver.get_log("performance"):
            message = json.loads(line["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self.asked.append(message["params"]["request"]["url"])
        return self.asked

    def picture(self, path):
        self.driver.save_screenshot(str(path))

    def quit(self):
        self.driver.quit()
