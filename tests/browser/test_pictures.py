"""Pictures of every page, to be looked at: build/screenshots. What can be measured of their look is."""

import random

import product
import pytest
from page import PICTURES

PLACES = {
    "overview": "/",
    "explore": "/explore?m=count&m=uniq(visitor)&range=24h&compare=1",
    "breakdown": "/explore?by=event&range=24h&chart=line",
    "bars": "/explore?by=properties.country&chart=bars&range=24h&compare=1",
    "dashboard": "/dashboards/look",
    "dashboards": "/dashboards",
    "health": "/health",
    "nothing": "/explore?w=%5B%22%3D%22%2C%22event%22%2C%22never%22%5D",
}
WIDE, NARROW = 1440, 380


@pytest.fixture(scope="module")
def busy(server):
    events = product.history(2, 24_000)
    for at in range(0, len(events), 5000):
        server.send(events[at : at + 5000])
    server.send([{"event": "ok", "message_id": "twice"}, {"event": "ok", "message_id": "twice"}, {"evnt": "misspelled"}, {"event": ""}])
    query = '{"measures":["count"],"range":"24h","every":"hour","by":["event"],"limit":10000}'
    total = '{"measures":["count"],"range":"today","compare":"previous"}'
    people = '{"measures":["uniq(visitor)"],"range":"24h","compare":"previous"}'
    top = '{"measures":["count"],"range":"24h","by":["properties.path"],"limit":10}'
    panel = lambda title, kind, query, width: {"title": title, "kind": kind, "topic": f"query:{query};refresh=10s", "width": width, "compare": "compare" in query}  # noqa: E731
    panels = [panel("Events today", "number", total, 1), panel("People", "number", people, 1), panel("Events by kind", "line", query, 2),
              panel("Top paths", "bars", top, 2), {"title": "Live", "kind": "tail", "topic": "tail", "width": 2}]  # fmt: skip
    server.json("PUT", "/v1/dashboards/look", {"name": "The shop", "panels": panels}, expect=201)
    server.json("PUT", "/v1/dashboards/other", {"name": "Sign-ups", "panels": panels[:3]}, expect=201)
    server.wait_until_stored()
    return server


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_pictures_of_every_page(page, busy, width):
    chance = random.Random(1)
    page.size(width, 900)
    page.log_in()
    for name, path in PLACES.items():
        page.open(path)
        busy.send([product.event(chance) for _ in range(40)])
        page.until(lambda: not page.find_all(".skeleton") and not page.find_all(".busy"), f"{name}: nothing is waited for")
        page.until(lambda: page.find(".connection").text == "Live", f"{name}: Live")
        for dark in (False, True):
            page.size(width, 900, dark, 1 if width == WIDE else 2)
            height = min(page.run("return document.documentElement.scrollHeight"), 3600)
            page.size(width, max(height, 900), dark, 1 if width == WIDE else 2)
            page.run("scrollTo(0, 0); return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            page.picture(f"{name}-{width}-{'dark' if dark else 'light'}")
        assert page.run("return document.documentElement.scrollWidth") <= width, f"{name} is wider than the window"
    assert len(list(PICTURES.glob(f"*-{width}-*.png"))) >= 2 * len(PLACES)


@pytest.mark.parametrize("dark", [False, True])
def test_text_stands_out_from_what_is_behind_it(page, busy, dark):
    """WCAG 2.1 AA: 4.5 to 1 for text of these sizes."""
    page.size(WIDE, 900, dark)
    page.log_in()
    page.see("Top events")
    page.until(lambda: page.find_all(".bar-name"), "bars")
    weak = page.run("""
        const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
        const light = ([r, g, b]) => [r, g, b].map((c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
          .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
        const behind = (one) => { for (; one; one = one.parentElement) { const c = rgb(getComputedStyle(one).backgroundColor); if (c.length < 4 || c[3] === 1) return c; } return [255, 255, 255]; };
        const weak = new Set();
        for (const one of document.querySelectorAll('#app *')) {
          const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== '');
          if (!own || one.closest('.unseen, .skip, .toast, :disabled, option') || one.offsetParent === null) continue;
          const [a, b] = [light(rgb(getComputedStyle(one).color)), light(behind(one))];
          const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
          if (ratio < 4.5) weak.add(`${one.className || one.tagName} ${ratio.toFixed(2)}`);
        }
        return [...weak];
    """)  # fmt: skip
    assert not weak, weak
