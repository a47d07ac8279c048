"""The page in Debian's Chromium, through its own driver."""

import json
import pathlib
import tempfile
import time

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

PICTURES = pathlib.Path(__file__).resolve().parents[2] / "build/screenshots"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars", "--window-size=1440,900"]  # fmt: skip
# Before anything of the page runs: what its content policy forbade is noted.
WATCH = "window.violations = []; addEventListener('securitypolicyviolation', (e) => violations.push(e.violatedDirective + ' ' + e.blockedURI));"


def start_browser(folder):
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in [*FLAGS, f"--user-data-dir={folder}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
    driver.set_script_timeout(30)
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
    return driver


class Page:
    def __init__(self, driver, address, key):
        self.driver = driver
        self.address = address
        self.key = key
        self.expected = []  # parts of console lines that a test provokes

    def open(self, path="/"):
        self.driver.get(f"http://{self.address}{path}")

    def forget(self):
        """As a browser that was never here. From a place that asks nothing."""
        self.open("/healthz")
        self.driver.delete_all_cookies()
        self.run("localStorage.clear()")

    def log_in(self, path="/"):
        self.forget()
        self.open(path)
        self.find("input[name=key]").send_keys(self.key, Keys.ENTER)
        self.find("#content")
        return self

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def until(self, condition, what, timeout_s=15):
        """What `condition` gives, once that is true."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                value = condition()
            except StaleElementReferenceException:
                value = None
            if value:
                return value
            if time.monotonic() > deadline:
                with tempfile.NamedTemporaryFile(prefix="millrace-", suffix=".png", delete=False) as file:
                    file.write(self.driver.get_screenshot_as_png())
                raise AssertionError(f"{what}: not in {timeout_s} s; {file.name}; the page says:\n{self.text()[:3000]}")
            time.sleep(0.02)  # polling a page that announces nothing

    def find_all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def find(self, selector, timeout_s=15):
        return self.until(lambda: next((one for one in self.find_all(selector) if one.is_displayed()), None), selector, timeout_s)

    def button(self, text):
        def look():
            return next((one for one in self.find_all("button, a") if one.is_displayed() and text in (one.text.strip(), one.get_attribute("aria-label"))), None)

        return self.until(look, f"a button '{text}'")

    def text(self):
        return self.run("return document.body.innerText")

    def see(self, text, timeout_s=15):
        self.until(lambda: text in self.text(), f"'{text}' on the screen", timeout_s)

    def total(self):
        """What the chart of events a second says of the last quarter of an hour; None while it has nothing to show."""
        label = self.run("return document.querySelector('.chart[aria-label^=\"Events a second\"]')?.ariaLabel ?? ''")
        return int(label.split(" in all")[0].split(" ")[-1].replace(",", "")) if " in all" in label else None

    def press(self, keys):
        self.driver.switch_to.active_element.send_keys(keys)

    def size(self, width, height, dark=False, scale=1):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})

    def picture(self, name):
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.driver.get_screenshot_as_file(str(PICTURES / f"{name}.png"))

    def complaints(self):
        """What the console and the content policy had to say, but for what the test provoked."""
        lines = [f"{line['level']} {line['message']}" for line in self.driver.get_log("browser") if line["level"] in ("SEVERE", "WARNING")]
        lines += [f"policy: {one}" for one in self.run("return window.violations ?? []")]
        # A document that is not the page (forget() opens one) names no icon, and the browser looks for one.
        return [line for line in lines if not any(part in line for part in [*self.expected, "/favicon.ico"])]

    def requests(self):
        """Addresses of everything that the page has loaded."""
        return self.run("return performance.getEntriesByType('resource').map((one) => one.name)")


def as_json(value):
    return json.dumps(value).encode()
