"""Votes in place, by mouse and by key, as a browser does them; and what it says where the page refuses one."""

import shutil
import socket
import threading

import pytest
from signing import rows

from netopsy.feed import schema
from netopsy.feed.settings import Settings
from netopsy.web.app import create_app

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--window-size=1200,1000",
)


@pytest.fixture
def page(own, tmp_path, moment):
    """The page of the user of this machine, served over loopback, in a browser; skips where there is no Chromium."""
    if not CHROMIUM or not DRIVER:
        pytest.skip("there is no Chromium with its driver on this machine")
    import uvicorn
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        app = create_app(own, Settings(base_url=address, secret_file=str(tmp_path / "secret")), now=lambda: moment[0])
        server = uvicorn.Server(uvicorn.Config(app, log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        browser = webdriver.Chrome(options=options, service=Service(DRIVER))
        try:
            browser.get(address)
            yield browser
        finally:
            browser.quit()
            server.should_exit = True
            thread.join()


def test_votes_show_in_place_and_a_refusal_is_a_page(page, own):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    def wait(what):
        return WebDriverWait(page, 20).until(lambda _: what())

    def state():
        return button.get_attribute("aria-pressed"), button.find_element(By.CLASS_NAME, "count").text

    address = page.current_url
    button = page.find_element(By.CSS_SELECTOR, ".card .vote")
    assert (state(), button.size["height"] >= 44) == (("false", "0"), True)
    button.click()
    wait(lambda: state() == ("true", "1"))
    assert page.current_url == address
    assert len(rows(own, schema.vote)) == 1
    page.find_element(By.TAG_NAME, "body").send_keys("j")
    page.switch_to.active_element.send_keys("v")
    wait(lambda: state() == ("false", "0"))
    assert rows(own, schema.vote) == []
    keep = page.find_element(By.CSS_SELECTOR, ".card .keep")
    keep.click()
    wait(lambda: keep.get_attribute("aria-pressed") == "true")
    assert len(rows(own, schema.shelf)) == 1
    assert page.get_log("browser") == []
    page.execute_script("document.querySelector('#act [name=form_token]').value = 'x'")
    button.click()
    wait(lambda: "Forbidden" in page.title)
    assert "not of your session" in page.find_element(By.TAG_NAME, "main").text
    assert rows(own, schema.vote) == []
