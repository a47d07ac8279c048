"""Explore, dashboards and their links."""

import pytest
from millrace_server import KEY
from page import Page
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys


@pytest.fixture(scope="module")
def sales(server):
    server.send([
        {"event": "purchase", "user_id": f"u{n % 7}", "properties": {"plan": ["pro", "free"][n % 2], "price": 9 + n}} for n in range(40)
    ])  # fmt: skip
    server.wait_until_stored()
    return server


def test_a_question_is_its_address_and_comes_back(page, sales):
    page.log_in("/explore")
    page.find("select[aria-label='Add a breakdown'] option[value='properties.plan']")
    page.find("select[aria-label='Add a breakdown']").find_element(By.CSS_SELECTOR, "option[value='properties.plan']").click()
    page.until(lambda: "by=properties.plan" in page.driver.current_url, "the address")
    page.run("arguments[0].click()", page.find_all("input[name=Chart][value=bars]")[0])
    page.until(lambda: [one.text for one in page.find_all(".bar-name")] == ["free", "pro"], "two bars")
    page.driver.refresh()
    page.until(lambda: sorted(one.text for one in page.find_all(".bar-name")) == ["free", "pro"], "the same after a reload")
    assert page.find(".panel-head h2").text == "Events by plan, last 24 hours"


# The dashed lines that are drawn on charts since.
DASHES = """
window.dashes = [];
const stroke = CanvasRenderingContext2D.prototype.stroke;
CanvasRenderingContext2D.prototype.stroke = function (...rest) {
  if (this.getLineDash().length > 0) dashes.push(this.strokeStyle);
  return stroke.apply(this, rest);
};
"""


def test_a_bucket_that_is_not_over_yet_is_dashed(page, sales):
    page.log_in("/explore?range=7d&every=day")
    page.see("The newest bucket, dashed, is not over yet.")
    page.run(DASHES)
    page.size(1200, 900)
    assert page.until(lambda: page.run("return dashes"), "the chart drawn anew")[0] == page.run("return getComputedStyle(document.documentElement).getPropertyValue('--line-1').trim()")
    page.open("/explore?range=2026-01-01,2026-01-03&every=day")
    page.see("No events")
    assert "dashed" not in page.text()


def test_a_saved_dashboard_comes_back_and_can_be_arranged_without_a_mouse(page, sales):
    page.log_in("/explore?by=properties.plan&chart=bars&range=7d")
    page.button("Save…").click()
    page.find(".popover input").send_keys(Keys.CONTROL, "a")
    page.find(".popover input").send_keys("Plans")
    page.button("Save").click()
    page.until(lambda: "/dashboards/" in page.driver.current_url, "the dashboard")
    page.see("Plans")
    page.until(lambda: len(page.find_all(".bar-name")) == 2, "its bars")
    page.open("/explore?m=sum(properties.price)&chart=number&range=7d")
    page.button("Save…").click()
    page.until(lambda: "My dashboard" in page.find(".popover").text, "the dashboard to choose")
    page.button("Save").click()
    page.until(lambda: len(page.find_all(".dashboard .panel")) == 2, "two panels")
    page.button("Arrange").send_keys(Keys.ENTER)
    page.button("Move Plans on").send_keys(Keys.ENTER)
    titles = lambda: [one.text for one in page.find_all(".dashboard .panel h2")]  # noqa: E731
    page.until(lambda: titles()[-1:] == ["Plans"], "the other order")
    address = page.driver.current_url
    page.open("/dashboards")
    page.see("2 panels")
    page.driver.get(address)
    page.until(lambda: titles()[-1:] == ["Plans"], "the other order after a reload")


def test_a_shared_link_shows_the_dashboard_and_nothing_else(page, driver, sales):
    page.log_in("/explore?by=event&chart=bars&range=7d")
    page.button("Save…").click()
    page.find(".popover select").find_element(By.CSS_SELECTOR, "option[value='']").click()
    page.button("Save").click()
    page.until(lambda: "/dashboards/" in page.driver.current_url, "the dashboard")
    page.button("Share").click()
    page.button("Make a link").click()
    link = page.until(lambda: page.find("input[aria-label=Link]").get_attribute("value"), "the link")
    assert "/d/" in link
    token = link.rpartition("/")[2]
    page.button("Log out").click()
    page.see("Read key")
    page.driver.get(link)
    page.see("purchase")
    text = page.text()
    assert "Arrange" not in text and "Explore" not in text and "Log out" not in text
    # The link is no key: every other question is refused.
    for path in ("/v1/health", "/v1/schema", "/v1/dashboards", "/v1/events?limit=1"):
        assert sales.request("GET", f"{path}{'&' if '?' in path else '?'}share={token}", key=None)[0] == 401, path
    mine = Page(driver, sales.address, KEY)
    dashboards = sales.json("GET", "/v1/dashboards")["dashboards"]
    shared = next(one for one in dashboards if one["link"] == f"/d/{token}")
    sales.request("DELETE", f"/v1/dashboards/{shared['id']}/share")
    page.expected = ["404", "401"]
    mine.driver.get(link)
    page.see("It was withdrawn, or never made")


def test_csv_and_curl_take_the_answer_along(page, sales):
    page.log_in("/explore?by=properties.plan&chart=bars&range=7d")
    page.until(lambda: len(page.find_all(".bar-name")) == 2, "the answer")
    page.run("""
        window.saved = null;
        const make = URL.createObjectURL;
        URL.createObjectURL = (blob) => { blob.text().then((text) => { window.saved = text; }); return make.call(URL, blob); };
    """)  # fmt: skip
    page.button("CSV").click()
    saved = page.until(lambda: page.run("return window.saved"), "the file")
    assert saved.splitlines() == ["properties.plan,count", "free,20", "pro,20"]
