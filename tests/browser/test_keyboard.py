"""No mouse is needed."""

from selenium.webdriver.common.keys import Keys


def test_single_keys_go_to_each_place_and_help_lists_them(page):
    page.log_in()
    for key, path in (("e", "/explore"), ("d", "/dashboards"), ("h", "/health"), ("o", "/")):
        page.press(key)
        page.until(lambda path=path: page.run("return location.pathname") == path, path)
    page.press("?")
    assert "Pause or go on" in page.find("dialog[open]").text
    page.press(Keys.ESCAPE)
    page.until(lambda: not page.find_all("dialog[open]"), "the help is closed")


def test_keys_typed_into_a_field_stay_there(page):
    page.log_in()
    field = page.find(".tail-filter input")
    field.send_keys("he?")
    assert field.get_attribute("value") == "he?"
    assert page.run("return location.pathname") == "/" and not page.find_all("dialog[open]")


def test_the_look_is_switched_and_kept(page):
    page.size(1440, 900, dark=True)
    page.log_in()
    look = lambda: page.run("return document.documentElement.dataset.theme")  # noqa: E731
    assert look() == "dark", "as the system says"
    page.press("t")
    page.until(lambda: look() == "light", "light")
    page.driver.refresh()
    page.find("#content")
    assert look() == "light"
    page.press("tt")
    page.until(lambda: look() == "dark", "as the system says again")


def test_tab_reaches_everything_and_the_focus_is_seen(page):
    page.log_in()
    page.see("Live")
    reached = []
    for _ in range(16):
        page.press(Keys.TAB)
        reached.append(page.run("""
            const one = document.activeElement, style = getComputedStyle(one);
            return [one.innerText || one.ariaLabel || one.tagName, style.outlineStyle !== 'none' || one.closest('.choice') !== null];
        """))  # fmt: skip
    names = [name.strip() for name, _ in reached]
    assert "To the content" in names[0]
    for name in ("Overview", "Explore", "Dashboards", "Health", "Keyboard shortcuts", "Log out"):
        assert any(name in one for one in names), (name, names)
    assert all(seen for _, seen in reached), reached
