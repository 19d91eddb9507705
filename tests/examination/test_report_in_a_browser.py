"""The report as a browser shows it: offline, whole, on a desk and on a phone, in light and in dark."""

import json
import re
import shutil
from pathlib import Path

import pytest

from netopsy.examination import examine

pytestmark = pytest.mark.browser
RENDERED = True

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
INSTRUMENTS = ["architecture", "accuracy", "calibration", "confusions", "saliency", "class-sensitivity", "pruning"]
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
)  # fmt: skip

# WCAG 2.1: the contrast of two colours, each taken over what lies behind it.
CONTRASTS = """
const linear = (value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
const channel = (value) => linear(value / 255);
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const parse = (text) => text.match(/[\\d.]+/g).map(Number);
const ground = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const color = parse(getComputedStyle(at).backgroundColor);
    if (color.length < 4 || color[3] === 1) return color;
  }
  return [255, 255, 255];
};
const found = [];
for (const element of document.querySelectorAll("body *:not(svg, svg *, script)")) {
  const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  if (!own || !element.getClientRects().length) continue;
  const [a, b] = [light(parse(getComputedStyle(element).color)), light(ground(element))].sort((x, y) => y - x);
  found.push([(a + 0.05) / (b + 0.05), element.tagName + "." + element.className]);
}
return found.sort((x, y) => x[0] - y[0]).slice(0, 5);
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory, trained) -> Path:
    """The report of a small network, with pictures of every kind."""
    model, _, test = trained
    found = examine(model, test[:150], depth="quick", instruments=INSTRUMENTS)
    return found.save(tmp_path_factory.mktemp("demo") / "report")


@pytest.fixture(scope="module")
def open_page(report, tmp_path_factory):
    """Opens the report at a width, in light or dark; skips where there is no Chromium."""
    if not CHROMIUM or not DRIVER:
        pytest.skip("there is no Chromium with its driver on this machine")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(DRIVER))

    def open_page(width, scheme="light", media=""):
        phone = width < 500
        size = {"width": width, "height": 800, "deviceScaleFactor": 2 if phone else 1, "mobile": phone}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        feature = {"name": "prefers-color-scheme", "value": scheme}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": [feature]})
        browser.get(report.as_uri())
        return browser

    yield open_page
    browser.quit()


def test_nothing_is_asked_of_the_network_and_nothing_goes_wrong(open_page, report):
    browser = open_page(1280)
    browser.get_log("performance"), browser.get_log("browser")
    browser = open_page(1280)
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert asked.count(report.as_uri()) == 1
    assert all(url == report.as_uri() or url.startswith("data:") for url in asked)
    entries = browser.execute_script("return performance.getEntriesByType('resource').map(each => each.name)")
    assert all(name.startswith("data:") for name in entries)
    assert browser.get_log("browser") == []


def test_a_request_would_not_get_out(open_page):
    browser = open_page(1280)
    tried = browser.execute_async_script(
        "const done = arguments[0]; const image = new Image(); image.onload = () => done('loaded');"
        "image.onerror = () => done('refused'); image.src = 'file:///etc/hostname.png';"
    )
    policy = browser.execute_async_script(
        "const done = arguments[0];"
        "document.addEventListener('securitypolicyviolation', e => done(e.effectiveDirective));"
        "fetch('https://example.org/').catch(() => 0); setTimeout(() => done('none'), 2000);"
    )
    assert (tried, policy) == ("refused", "connect-src")
    browser.get_log("browser")


@pytest.mark.parametrize("width", [360, 390, 768, 1280])
def test_every_picture_is_there_and_the_page_never_scrolls_sideways(open_page, width):
    browser = open_page(width)
    boxes = browser.execute_script(
        "return [...document.querySelectorAll('figure svg')].map(svg => {"
        "  const own = svg.getBoundingClientRect(), drawn = svg.getBBox();"
        "  return [own.width, own.height, drawn.width, drawn.height]; })"
    )
    assert len(boxes) >= len(INSTRUMENTS)
    assert all(side > 50 for box in boxes for side in box)
    images = browser.execute_script(
        "return Promise.all([...document.querySelectorAll('svg image')].map(image => new Promise(done => {"
        "  const copy = new Image(); copy.onload = () => done(copy.naturalWidth); copy.onerror = () => done(0);"
        "  copy.src = image.getAttribute('href'); })))"
    )
    assert len(images) > 10
    assert min(images) > 0
    browser.execute_script("for (const each of document.querySelectorAll('details')) each.open = true")
    wide, seen = browser.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert (wide, seen) == (width, width)


def test_no_option_is_parted_at_the_end_of_a_line(open_page):
    browser = open_page(360)
    rows = "return [...document.querySelectorAll('p code, li code')].map(each => each.getClientRects().length)"
    found = browser.execute_script(rows)
    assert found
    assert set(found) == {1}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_in_dark(open_page, scheme):
    browser = open_page(1280, scheme)
    browser.execute_script("for (const each of document.querySelectorAll('details')) each.open = true")
    weakest = browser.execute_script(CONTRASTS)
    assert weakest[0][0] >= 4.5, weakest
    ink, sheet = browser.execute_script(
        "const box = document.querySelector('.picture');"
        "return [getComputedStyle(box.querySelector('svg')).color, getComputedStyle(box).backgroundColor]"
    )
    brightness = [sum(map(int, re.findall(r"\d+", color))) for color in (ink, sheet)]
    assert (brightness[0] < brightness[1]) == (scheme == "light")


def test_the_toggle_turns_the_page_dark_and_back(open_page):
    browser = open_page(1280)
    ground = "return getComputedStyle(document.documentElement).backgroundColor"
    button = browser.find_element("css selector", "button.theme")
    light = browser.execute_script(ground)
    button.click()
    dark = browser.execute_script(ground)
    button.click()
    assert dark != light == browser.execute_script(ground)


def test_the_lines_of_python_can_be_copied(open_page):
    browser = open_page(1280)
    browser.execute_script("for (const each of document.querySelectorAll('details')) each.open = true")
    button = browser.find_element("css selector", "button.copy")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", button)
    button.click()
    told = browser.execute_async_script(
        "const [button, done] = arguments; const look = (left) => button.textContent === 'Copied' || !left"
        "  ? done(button.textContent) : setTimeout(() => look(left - 1), 20); look(100);",
        button,
    )
    assert told == "Copied"


def test_it_prints_on_white_with_everything_unfolded_and_no_buttons(open_page):
    browser = open_page(800, "dark", media="print")
    shown = browser.execute_script(
        "dispatchEvent(new Event('beforeprint'));"
        "return [getComputedStyle(document.documentElement).backgroundColor,"
        " [...document.querySelectorAll('button')].some(each => each.getClientRects().length > 0),"
        " document.querySelectorAll('details:not(.code):not([open])').length]"
    )
    assert shown == ["rgb(255, 255, 255)", False, 0]
    assert len(browser.execute_cdp_cmd("Page.printToPDF", {})["data"]) > 10_000


def test_without_scripts_everything_is_there(open_page):
    browser = open_page(1280)
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.refresh()
        assert len(browser.find_elements("css selector", "article .sentence")) == len(INSTRUMENTS)
        assert not browser.find_elements("css selector", "button")
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
