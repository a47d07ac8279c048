"""Events come to the screen."""

import json
import subprocess
import time

import pytest
from millrace_server import KEY, Server, free_port
from page import Page

# When the text was first seen in the page, in the browser's time; the same machine's clock as the server's.
SEEN = """
const text = arguments[0];
window.seenAt = null;
const look = () => { if (window.seenAt === null && document.body.textContent.includes(text)) window.seenAt = Date.now(); };
new MutationObserver(look).observe(document.body, { childList: true, subtree: true, characterData: true });
look();
"""


def test_an_event_sent_by_curl_is_on_the_screen_within_a_second(page, server):
    page.log_in()
    server.send({"event": "warm_up", "user_id": "u0"})
    page.see("warm_up")
    page.run(SEEN, "seen_at_once")
    sent_at = page.run("return Date.now()")
    subprocess.run(
        ["curl", "-sf", f"http://{server.address}/v1/events", "-H", f"Authorization: Bearer {KEY}",
         "-H", "Content-Type: application/json", "-d", json.dumps({"event": "seen_at_once", "user_id": "u1"})],
        check=True, capture_output=True,
    )  # fmt: skip
    page.see("seen_at_once", timeout_s=5)
    assert page.run("return window.seenAt") - sent_at < 1000


def shown_rows(page):
    """Names of the events in the tail, as they are on the screen."""
    return page.run("return [...document.querySelectorAll('.event-name')].map((one) => one.textContent)")


def test_a_restart_leaves_no_gap_and_no_double(driver, tmp_path):
    server = Server(tmp_path / "data", listen=f"127.0.0.1:{free_port()}").start()
    server.wait_until_open()
    page = Page(driver, server.address, KEY).log_in()
    server.send([{"event": f"before_{n}", "message_id": f"b{n}"} for n in range(20)])
    page.until(lambda: page.total() == 20, "20 events in the chart")
    server.stop()
    page.see("Not connected to the server", timeout_s=20)
    assert page.total() == 20, "what was known stays"
    server.start()
    server.wait_until_open()
    server.send([{"event": f"after_{n}", "message_id": f"a{n}"} for n in range(20)] + [{"event": "before_0", "message_id": "b0"}])
    page.until(lambda: page.total() == 40, "40 events in the chart", timeout_s=30)
    page.until(lambda: {f"after_{n}" for n in range(20)} <= set(shown_rows(page)), "all later events in the tail")
    rows = shown_rows(page)
    assert len(rows) == len(set(rows)) and set(rows) == {f"{when}_{n}" for when in ("before", "after") for n in range(20)}
    assert "Not connected" not in page.text()
    driver.get("about:blank")
    server.stop()


def test_the_tail_is_filtered_by_the_server_and_pauses(page, server):
    page.log_in()
    server.send([{"event": "wanted", "properties": {"plan": "pro"}}, {"event": "unwanted", "properties": {"plan": "free"}}])
    page.see("unwanted")
    page.find(".tail-filter input").send_keys("wanted")
    page.until(lambda: "unwanted" not in shown_rows(page), "no other events")
    server.send([{"event": "wanted", "properties": {"n": 1}}, {"event": "unwanted"}])
    page.until(lambda: len(shown_rows(page)) == 2, "both wanted events")
    page.button("Pause").click()
    before = shown_rows(page)
    server.send([{"event": "wanted", "properties": {"n": 2}}])
    page.see("1 newer")
    assert shown_rows(page) == before
    page.button("Go on").click()
    page.until(lambda: len(shown_rows(page)) == len(before) + 1, "the newer event")


def test_the_audit_line_adds_up_while_events_come_in(page, server):
    page.log_in("/health")
    accepted = int(server.health()["audit"]["accepted"])
    server.send([{"event": "counted", "message_id": "same"}, {"event": "counted", "message_id": "same"}, {"event": "counted"}])
    page.until(lambda: page.find(".audit-term b").text.replace(",", "") == str(accepted + 3), "the events accepted")
    page.see("It adds up")


def test_no_number_s_note_is_cut_on_a_telephone(page, server):
    page.size(380, 800)
    page.log_in("/health")
    page.see("wait for the store")
    assert page.run("return [...document.querySelectorAll('.stat-note')].filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.textContent)") == []


def test_failed_events_are_shown_with_their_reason(page, server):
    page.log_in("/health")
    server.send([{"event": "good"}, {"evnt": "misspelled"}])
    page.see("misspelled")
    page.see("the door")


@pytest.mark.parametrize("width", [1440, 380])
def test_numbers_say_their_age_when_the_server_is_away(driver, tmp_path, width):
    server = Server(tmp_path / "data").start()
    server.wait_until_open()
    page = Page(driver, server.address, KEY)
    page.size(width, 800)
    page.log_in()
    page.until(lambda: page.find(".connection").text == "Live", "Live")
    server.stop()
    page.until(lambda: page.find(".connection").text.endswith("old"), "the age of the numbers")
    assert page.find(".interrupted").is_displayed()
    driver.get("about:blank")


# Sizes of the text on each chart, by the chart's name.
FONTS = r"""
window.fonts = {};
const write = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (...rest) {
  const name = this.canvas.closest('.chart')?.ariaLabel.split(':')[0];
  if (name) (fonts[name] ??= []).push(parseFloat(this.font.match(/([\d.]+)px/)[1]));
  return write.apply(this, rest);
};
"""


def test_text_on_a_chart_keeps_its_size_on_a_fine_screen(page, server):
    page.size(1440, 900, scale=2)
    page.log_in()
    server.send({"event": "fine"})
    page.until(lambda: (page.total() or 0) > 0, "the chart")
    page.run(FONTS)
    sizes = page.until(lambda: (found := page.run("return fonts['Events a second']")) and len(found) > 40 and found, "the chart drawn anew, with text")
    assert set(sizes) == {22}, "11 px of the page"


# How far to the right a line was drawn since, in pixels of its own chart. The chart of events a second is the widest.
REACH = "window.reach = 0; const to = Path2D.prototype.lineTo; Path2D.prototype.lineTo = function (x, y) { if (x > reach) reach = x; return to.call(this, x, y); };"
PLOT_END = """
const over = document.querySelector('.chart[aria-label^="Events a second"] .u-over');
return over.offsetLeft + over.offsetWidth;
"""


def test_a_chart_keeps_its_newest_points_when_the_look_changes_while_the_server_is_away(driver, tmp_path):
    server = Server(tmp_path / "data").start()
    server.wait_until_open()
    page = Page(driver, server.address, KEY)
    page.size(1440, 900)
    page.log_in()
    server.send({"event": "first"})
    page.until(lambda: (page.total() or 0) > 0, "the chart")
    began = time.monotonic()  # a second is not quite a pixel: what the chart began with is to lie well behind what it shows
    page.until(lambda: time.monotonic() - began > 10, "ten seconds later")
    server.stop()
    page.see("Not connected to the server", timeout_s=20)
    page.run(REACH)
    page.size(1440, 900, dark=True)
    reach = page.until(lambda: page.run("return reach"), "the charts drawn anew")
    assert page.run(PLOT_END) - reach < 4
    driver.get("about:blank")
