"""The page of an examination, taken apart, and what holds for every such page."""

import html.parser
import re

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(html.parser.HTMLParser):
    """Every element of a page with its attributes, its text, and whether all were closed in order."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.text, self.headings = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def check_whole(text: str, outside: set[str]) -> None:
    """Every element is closed, every link leads somewhere, and nothing comes from outside but links to ``outside``."""
    page = Page(text)
    assert page.open == []
    for name, attributes in page.elements:
        for attribute in ("src", "srcset", "data", "action", "poster", "background"):
            assert not attributes.get(attribute, "").strip(), (name, attributes)
        link = attributes.get("href", "#")
        assert link.startswith(("#", "data:image/png;base64,")) or name == "a", (name, link[:80])
    assert not page.all("link")
    assert not page.all("iframe")
    assert not re.findall(r"(?:@import|url\(\s*['\"]?(?!#))", text)
    assert {a["href"] for a in page.all("a") if not a["href"].startswith("#")} == outside
    _check_references(page)
    _check_outline(page)


def check_harmless(text: str) -> None:
    """No name from outside became an element or an attribute, where names are written as attacks."""
    page = Page(text)
    assert len(page.all("script")) == 1
    assert not page.all("img")
    assert not page.all("b")
    assert not [a for _, a in page.elements if any(name.startswith("on") for name in a)]


def _check_references(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    known = set(ids)
    assert len(ids) == len(known)
    for _, attributes in page.elements:
        for name, value in attributes.items():
            referred = re.findall(r"url\(#([^)]+)\)", value or "")
            referred += [value[1:]] if name == "href" and value.startswith("#") else []
            assert known.issuperset(referred)
            if name == "aria-labelledby":
                assert value in known


def _check_outline(page: Page) -> None:
    """Headings go down one by one, and pictures have a name."""
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(page.headings, page.headings[1:], strict=False))
    assert page.all("svg")
    for svg in page.all("svg"):
        assert svg["role"] == "img"
        assert len(svg["aria-label"]) > 10
    assert page.all("html")[0]["lang"] == "en"
