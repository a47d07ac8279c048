"""Logging in and out, and what the browser is told to allow."""

import os
import shlex
import subprocess

from millrace_server import BINARY, KEY
from selenium.webdriver.common.keys import Keys


def test_without_a_session_there_is_the_log_in(page):
    page.forget()
    page.open("/explore")
    page.see("Read key")
    assert page.run("return document.activeElement.name") == "key", "one can type at once"


def test_the_command_for_another_key_runs_as_it_is_printed(page):
    page.forget()
    page.open("/")
    command = shlex.split(page.find(".login-command").text)
    assert command[0] == "millrace"
    made = subprocess.run([BINARY, *command[1:]], env={**os.environ, "MILLRACE_KEY": KEY}, check=True, capture_output=True, text=True)
    page.find("input[name=key]").send_keys(made.stdout.strip(), Keys.ENTER)
    page.see("Events a second")


def test_a_wrong_key_is_refused_with_the_reason_and_a_right_one_lets_in(page):
    page.expected = ["401"]
    page.forget()
    page.open("/")
    field = page.find("input[name=key]")
    field.send_keys("mr_nobody_has_this_key", Keys.ENTER)
    page.see("unknown, revoked or expired")
    page.find("input[name=key]").send_keys(Keys.CONTROL, "a")
    page.find("input[name=key]").send_keys(KEY, Keys.ENTER)
    page.see("Events a second")


def test_a_write_key_can_t_log_in(page, server):
    page.expected = ["403"]
    made = server.json("POST", "/v1/keys", {"name": "writes", "scopes": ["write"]}, expect=201)
    page.forget()
    page.open("/")
    page.find("input[name=key]").send_keys(made["secret"], Keys.ENTER)
    page.see("needs a key with read")


def test_scripts_can_t_read_the_session_and_a_reload_keeps_it(page):
    page.log_in("/health")
    assert page.run("return document.cookie") == ""
    cookie = page.driver.get_cookie("millrace_session")
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict"
    assert KEY not in str(cookie)
    page.open("/health")
    page.see("accepted")


def test_logging_out_ends_the_session(page, server):
    page.log_in()
    token = page.driver.get_cookie("millrace_session")["value"]
    page.button("Log out").click()
    page.see("Read key")
    assert page.driver.get_cookie("millrace_session") is None
    status, _, _ = server.request("GET", "/v1/session", key=None, headers={"Cookie": f"millrace_session={token}"})
    assert status == 401


def test_a_revoked_key_ends_its_session_on_the_screen(page, server):
    page.expected = ["401"]
    made = server.json("POST", "/v1/keys", {"name": "for a while", "scopes": ["read"]}, expect=201)
    page.key = made["secret"]
    page.log_in("/explore")
    page.see("Measures")
    server.request("DELETE", f"/v1/keys/{made['key']['id']}")
    page.press("r")
    page.see("The session has ended")


def test_a_revoked_key_ends_what_is_watched_within_two_seconds(page, server):
    page.expected = ["401"]  # the page asks why the stream has ended
    made = server.json("POST", "/v1/keys", {"name": "for a look", "scopes": ["read"]}, expect=201)
    page.key = made["secret"]
    page.log_in()
    page.until(lambda: page.find(".connection").text == "Live", "Live")
    server.request("DELETE", f"/v1/keys/{made['key']['id']}")
    page.see("The session has ended", timeout_s=3)


def test_every_file_is_guarded_packed_and_tagged(server):
    _, headers, document = server.request("GET", "/", key=None)
    assert headers["content-security-policy"].startswith("default-src 'none';")
    assert "frame-ancestors 'none'" in headers["content-security-policy"] and "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    paths = [part.split('"')[0] for part in document.decode().split('="')[1:] if part.startswith("/")]
    assert len(paths) >= 4
    packed = 0
    for path in paths:
        status, headers, body = server.request("GET", path, key=None, headers={"Accept-Encoding": "gzip"})
        assert status == 200 and "immutable" in headers["cache-control"] and headers["x-content-type-options"] == "nosniff"
        packed += len(body)
        status, _, body = server.request("GET", path, key=None, headers={"Accept-Encoding": "gzip", "If-None-Match": headers["etag"]})
        assert (status, body) == (304, b"")
    assert packed < 150 * 1024
