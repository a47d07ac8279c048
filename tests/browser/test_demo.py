"""The demonstration as a newcomer sees it. How long each step took is written beside the pictures, in demo-times.json.

MILLRACE_DEMO_DAYS=14 loads as much history as `make demo` does.
"""

import json
import os
import queue
import signal
import subprocess
import threading
import time

from millrace_server import BINARY
from page import PICTURES, Page

DAYS = int(os.environ.get("MILLRACE_DEMO_DAYS", "2"))
OWN = ("MILLRACE_DATA", "MILLRACE_LISTEN", "MILLRACE_CONFIG", "MILLRACE_KEY", "MILLRACE_URL", "MILLRACE_BOOTSTRAP_KEY")


class Demo:
    def __init__(self, folder):
        environment = {name: value for name, value in os.environ.items() if name not in OWN}
        self.began = time.monotonic()
        self.process = subprocess.Popen([BINARY, "demo", "--data", folder, "--listen", "127.0.0.1:0", "--days", str(DAYS)], env=environment,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # fmt: skip
        self.lines, self.seen = queue.Queue(), []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def seconds(self):
        return round(time.monotonic() - self.began, 2)

    def until(self, part, timeout_s=300):
        """The line that has this in it."""
        while True:
            line = self.lines.get(timeout=timeout_s)
            assert line is not None, f"the demonstration ended before it said '{part}':\n{''.join(self.seen)}"
            self.seen.append(line)
            if part in line:
                return line

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)


def test_the_demonstration_has_live_charts_at_once_and_its_history_soon(driver, tmp_path):
    demo, times = Demo(tmp_path / "demo"), {"days": DAYS}
    try:
        address = demo.until("Dashboard").split()[-1].removeprefix("http://").rstrip("/")
        key = demo.until("Read key").split()[-1]
        times["address_s"] = demo.seconds()
        page = Page(driver, address, key)
        page.size(1440, 900)
        page.log_in()
        page.until(lambda: page.find_all("canvas") and page.total(), "a chart with data", timeout_s=60)
        times["first_chart_s"] = demo.seconds()
        demo.until("all of it can be asked about")
        times["history_s"] = demo.seconds()
        driver.get_log("browser")  # questions were refused (503) until the store was open
        demo.until("keep coming in")
        page.run("window.notReloaded = true")
        before = page.until(lambda: page.total() > 100_000 and page.total(), "the history's last quarter of an hour")
        page.until(lambda: page.total() > before, "the chart moves by itself")
        assert page.run("return window.notReloaded")
        page.picture("demo-overview")
        page.open(f"/explore?m=count&range={DAYS}d")
        page.until(lambda: page.find_all("canvas") and not page.find_all(".busy") and not page.find_all(".skeleton"), "the history as a chart")
        page.picture("demo-explore")
        assert not page.complaints()
        driver.get("about:blank")
        assert demo.stop() == 0
        demo.until("all of them are on disk")
    finally:
        demo.process.kill()
        demo.process.wait()
    (PICTURES / "demo-times.json").write_text(json.dumps(times) + "\n")
    print(times)
