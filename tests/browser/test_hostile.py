"""Names that want to be more than text."""

import pytest

SCRIPT = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
NAMES = {
    "markup": SCRIPT,
    "right to left": "price\u202e\u2067drawkcab",
    "long": "long_" + "x" * 195,
    "controls": "a\u0001b\u200dc\ufeff",
    "unseen": "\u200b\u2060",
    "number at its end": "workspace-" + "m" * 100 + "-004711",
    "formula": "=HYPERLINK(\"http://127.0.0.1:1/\",\"x\")",
}


@pytest.fixture(scope="module")
def hostile(server):
    events = [
        {"event": name, "user_id": name, "properties": {name: name, "shown": SCRIPT, "huge": "y" * 10_000, "n": i}}
        for i, name in enumerate(NAMES.values())
    ]
    server.send(events * 3)
    server.wait_until_stored()
    return server


@pytest.mark.parametrize("path", ["/", "/explore?by=event&chart=bars", "/explore?by=event", "/explore?by=properties.shown&chart=table", "/health"])
@pytest.mark.parametrize("width", [1440, 380])
def test_hostile_names_stay_text(page, hostile, path, width):
    page.size(width, 900)
    page.log_in(path)
    if path == "/":
        hostile.send([{"event": name, "user_id": "again", "properties": {name: SCRIPT, "huge": "y" * 10_000}} for name in NAMES.values()])
    if path == "/health":
        hostile.send([{"event": "ok"}, {SCRIPT: "is no field"}])
        page.see("is no field")
    else:
        page.see("onerror" if "bars" in path or "shown" in path or path == "/" else "<img")
    assert page.run("return window.hacked") is None
    assert page.run("return document.querySelectorAll('#app img, #app script').length") == 0
    assert page.run("return document.documentElement.scrollWidth") <= width, "nothing is wider than the window"


@pytest.mark.parametrize("width", [1440, 380])
def test_every_name_is_seen_and_bars_end_before_the_numbers(page, hostile, width):
    page.size(width, 900)
    page.log_in("/explore?by=event&chart=bars")
    page.see("‹U+200B›‹U+2060›")
    page.see("price‹U+202E›‹U+2067›drawkcab")
    within = """return [...document.querySelectorAll('.bar')].filter((bar) => {
        const [fill, share] = ['.bar-fill', '.bar-share'].map((one) => bar.querySelector(one).getBoundingClientRect());
        const end = bar.querySelector('.bar-name span:last-child').getBoundingClientRect();
        return fill.right > share.left + 0.5 || end.right > share.left + 0.5;
    }).map((bar) => bar.textContent)"""
    assert page.run(within) == []
    page.picture(f"hostile-bars-{width}")


def test_a_name_of_ten_thousand_characters_is_cut(page, hostile):
    page.log_in()
    hostile.send({"event": "with_a_long_property", "properties": {"huge": "y" * 10_000}})
    page.see("with_a_long_property")
    line = page.until(lambda: next((one for one in page.find_all(".event-line") if "with_a_long_property" in one.text), None), "its line")
    assert len(line.text) < 2000
    line.click()
    page.until(lambda: "y" * 9000 in page.find(".event pre").text, "the whole event, when it is opened")


def test_an_address_can_t_inject(page, hostile):
    page.log_in("/explore?m=%3Cimg%20src%3Dx%20onerror%3D%22window.hacked%3D1%22%3E&by=%22%3E%3Cscript%3Ewindow.hacked%3D1%3C/script%3E")
    page.expected = ["400"]
    page.see("The query is wrong")
    assert page.run("return window.hacked") is None
