"""The site builds without a network and without a warning, and every page it makes holds what it should."""

import gc
import importlib.util
import json
import os
import re
import shutil
from html import unescape
from pathlib import Path

import pytest

from netopsy.catalogue import ROOMS, papers
from netopsy.lab.evidence import Evidence

pytest.importorskip("material")
pytest.importorskip("mkdocstrings")

ROOT = Path(__file__).resolve().parents[2]
FIGURE = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="40" height="20"/></svg>'
VERDICTS = [
    {
        "claim": "norm-grad-1",
        "verdict": "does not hold",
        "criterion": "as fixed",
        "estimate": 0.0512,
        "interval": [-0.01, 0.11],
        "paper_value": "more",
        "note": "Of *runs*.",
        "parts": [
            {
                "name": "a | b < c *stars*",
                "rule": "interval above 0",
                "answer": "does not hold",
                "estimate": 0.0512,
                "interval": [-0.01, 0.11],
                "n": 5,
                "confidence": 0.9,
                "unit": "runs",
                "beside": {"by chance": 0.25, "of another": {"estimate": 1.0, "interval": [0.5, 1.5]}},
            }
        ],
    },
    {
        "claim": "norm-grad-2",
        "verdict": "undecided",
        "criterion": "",
        "estimate": None,
        "interval": None,
        "paper_value": "",
    },
    {
        "claim": "norm-grad-3",
        "verdict": "holds",
        "criterion": "",
        "estimate": 1.0,
        "interval": [0.9, 1.1],
        "paper_value": "",
    },
]


def loaded(name: str):
    spec = importlib.util.spec_from_file_location(f"docs_{name}", ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


NO_TAGS = re.compile(r"<!--.*?-->|(<script\b[^>]*>).*?</script>", re.DOTALL)
TAG = re.compile(r"""<([a-zA-Z][\w:-]*)((?:[^>"']|"[^"]*"|'[^']*')*)>""")
ATTRIBUTE = re.compile(r"""([\w:-]+)\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+)""")


class Assets:
    """What a browser would fetch for a page, and where its links lead; an HTML parser takes twice as long."""

    def __init__(self, text: str) -> None:
        self.fetched: list[str] = []
        self.links: list[str] = []
        for tag, inside in TAG.findall(NO_TAGS.sub(r"\1", text)):
            if "=" in inside:
                given = {key.lower(): unescape(value.strip("\"'")) for key, value in ATTRIBUTE.findall(inside)}
                self._add(tag.lower(), given)

    def _add(self, tag, named):
        if tag == "a":
            self.links.append(named.get("href") or "")
        elif tag == "link" and named.get("rel") in ("canonical", "next", "prev"):
            pass
        else:
            self.fetched += [named[key] for key in ("src", "href", "data", "srcset", "poster") if named.get(key)]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site of this checkout, with evidence for one paper that is not the committed one."""
    from mkdocs.commands.build import build
    from mkdocs.config import load_config
    from mkdocstrings_handlers.python._internal import rendering

    root = tmp_path_factory.mktemp("checkout")
    for name in ("mkdocs.yml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, root)
    shutil.copytree(ROOT / "docs", root / "docs", ignore=shutil.ignore_patterns("evidence", "__pycache__"))
    for figures in (ROOT / "docs" / "evidence").iterdir():  # pages show some of them
        if figures.is_dir() and figures.name != "norm-grad":
            shutil.copytree(figures, root / "docs" / "evidence" / figures.name)
    (root / "src").symlink_to(ROOT / "src")
    evidence = root / "docs" / "evidence"
    (evidence / "norm-grad").mkdir(parents=True)
    (evidence / "norm-grad" / "depth_curve.svg").write_text(FIGURE)
    record = {"paper": "norm-grad", "preset": "laptop", "seeds": 3, "seconds": 61.4, "environment": {}}
    (evidence / "norm-grad.json").write_text(json.dumps(record | {"verdicts": VERDICTS}))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setattr(rendering, "_get_formatter", lambda: lambda code, _: code)  # a process of ruff a signature
        config = load_config(str(root / "mkdocs.yml"), strict=True)
        config.mdx_configs["pymdownx.highlight"] = {"use_pygments": False}  # code without colours
        gc.disable()  # what a build makes is in use until its end, and looked through again and again
        try:
            build(config)
        finally:
            gc.freeze()  # it is not looked through at the end either
            gc.enable()
    return root / "site"


@pytest.fixture(scope="module")
def assets(site) -> dict[Path, Assets]:
    """What each page fetches and leads to."""
    return {page: Assets(page.read_text()) for page in site.rglob("*.html")}


def test_every_paper_has_a_page(site):
    index = (site / "papers" / "index.html").read_text()
    for paper in papers():
        page = (site / "papers" / paper.slug / "index.html").read_text()
        assert paper.url in page
        assert paper.summary.split(".")[0].replace("'", "&#39;")[:40].split("&")[0] in page
        assert f'href="{paper.slug}/"' in index
    for question in ROOMS.values():
        assert question.replace("'", "&#39;").split("&")[0] in index


def test_evidence_is_shown_on_the_paper_s_page(site):
    page = (site / "papers" / "norm-grad" / "index.html").read_text()
    assert "verdict-does-not-hold" in page
    assert "0.0512 [-0.01, 0.11]" in page
    assert "verdict-undecided" in page
    assert "verdict-holds" in page
    assert "not re-tested yet" in page
    assert "3 seeds, 61 s of computing" in page
    assert "<td>a | b &lt; c *stars*</td>" in page
    assert "<td>0.0512 [-0.01, 0.11] (90%) over 5 runs</td>" in page
    assert "<td>by chance 0.25; of another 1 [0.5, 1.5]</td>" in page
    assert "<p>Of *runs*.</p>" in page
    assert '<img alt="depth curve" src="../../evidence/norm-grad/depth_curve.svg"' in page
    assert (site / "evidence" / "norm-grad" / "depth_curve.svg").is_file()
    assert "1 of 3 hold" in (site / "papers" / "index.html").read_text()


def test_a_planned_paper_says_so_and_promises_nothing(site):
    planned = next(paper for paper in papers() if paper.status == "planned")
    page = (site / "papers" / planned.slug / "index.html").read_text()
    assert "not written yet" in page
    assert "netopsy reproduce" not in page


def test_nothing_is_fetched_from_elsewhere(site, assets):
    assert len(assets) > 60
    for page, found in assets.items():
        outside = [url for url in found.fetched if re.match(r"(https?:)?//", url)]
        assert outside == [], page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(\s*['\"]?(https?:)?//|@import", sheet.read_text()), sheet


def test_every_link_and_picture_inside_the_site_exists(site, assets):
    leads: dict[str, str] = {}
    for page, found in assets.items():
        if page.name == "404.html":
            continue
        for path in {url.split("#")[0].split("?")[0] for url in (*found.fetched, *found.links)}:
            if path and not re.match(r"[a-z]+:|//", path):
                leads.setdefault(os.path.normpath(os.path.join(page.parent, path)), f"{path} of {page}")
    for name, told in leads.items():
        target = Path(name)
        assert (target / "index.html").is_file() if target.is_dir() else target.is_file(), told


def test_anchors_lead_somewhere(site):
    page = (site / "papers" / "norm-grad" / "index.html").read_text()
    for anchor in re.findall(r'href="#(norm-grad-\d)"', page):
        assert f'id="{anchor}"' in page


def test_the_reference_shows_examples_as_code(site):
    page = (site / "api" / "netopsy.core.masks" / "index.html").read_text()
    assert "netopsy.core.masks" in page
    assert "<blockquote>" not in page
    assert "&gt;&gt;&gt; " in page


def test_the_reference_lists_every_package(site):
    hooks = loaded("hooks")
    folders = {p.parent.name for p in (ROOT / "src" / "netopsy").glob("*/__init__.py")} - {"cli", "web", "feed"}
    assert folders <= set(hooks.PACKAGES)
    for name in folders:
        assert (site / "api" / name / "index.html").is_file()


def test_the_guide_is_contributing_s(site):
    page = (site / "add-a-paper" / "index.html").read_text()
    for heading in ("Set up", "Add a paper", "1. The claims, first", "8. The entry"):
        assert heading in page


def test_text_is_escaped_where_markdown_would_read_it():
    hooks = loaded("hooks")
    recorded = Evidence("norm-grad", "laptop", None, 1.0, {}, VERDICTS, {})
    text = hooks.paper_page(next(p for p in papers() if p.slug == "norm-grad"), recorded)
    assert "a \\| b &lt; c \\*stars\\*" in text
    assert "seeds" not in text.split("Recorded")[1].split("\n")[0]


@pytest.mark.parametrize(
    ("text", "fences"),
    [
        ("Adds.", 0),
        ("Adds.\n\n>>> 1 + 1\n2", 2),
        ("Adds.\n\n>>> 1 + 1\n2\n\nMore.\n\n>>> 3\n3\n", 4),
        ("Adds.\n\n    >>> 1\n    1", 2),
    ],
)
def test_each_example_gets_one_fence(text, fences):
    fenced = loaded("doctests").fenced(text)
    assert fenced.count("```") == fences
    assert [line for line in fenced.splitlines() if "```" not in line and line] == [
        line for line in text.splitlines() if line
    ]
