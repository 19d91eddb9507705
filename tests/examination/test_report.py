"""The page: whole, harmless whatever names it is given, and in need of nothing else."""

import base64
import hashlib
import json
import re
import warnings
from collections import Counter
from xml.etree import ElementTree

import pytest
import torch
from report_pages import Page, check_harmless, check_whole
from torch import nn

from netopsy import InputError
from netopsy.catalogue import paper
from netopsy.core.drawing import INK, figure
from netopsy.core.svg import inline_svg
from netopsy.data import Dataset
from netopsy.examination import Absence, Examination, Finding, Instrument, Picture, examine, report
from netopsy.examination.reading import Reading

HOSTILE = "<script>alert(1)</script>"
RENDERED = True
SOME = ["architecture", "accuracy", "confusions", "pruning", "tickets"]


def drawing(text="a"):
    """A matplotlib figure with a clip path and glyphs, as every instrument makes them."""
    drawn, axes = figure(3.0, 2.0)
    axes.plot([0, 1], [0, 1])
    axes.set_title(text)
    return Picture.of(drawn, f"a line called {text}")


def instrument(name="one", chapter="what it is", **options):
    return Instrument(name=name, title=f"About {name}", chapter=chapter, examine=lambda *_: None, **options)


def reading(name="one", sentence="It has 3 parts.", chapter="what it is", papers=(), **finding):
    return Reading(
        instrument(name, chapter, papers=papers),
        Finding(sentence=sentence, reading="Look at it.", **finding),
        0.1,
    )


@pytest.fixture(scope="module")
def hostile():
    """A real examination where every name that comes from outside is an attack; the contract's has all instruments."""
    names = (HOSTILE, '" onmouseover="alert(2)', "</svg><img src=x onerror=alert(3)>", "--><b>", "]]>&amp;{{ 7*7 }}")
    model = nn.Sequential()
    model.add_module("<img src=y onerror=alert(4)>", nn.Conv2d(1, 3, 3))
    model.add_module("flat", nn.Flatten())
    model.add_module("out", nn.Linear(108, 5))
    data = Dataset(torch.rand(40, 1, 8, 8), torch.arange(40) % 5, names, name=HOSTILE)
    return examine(model, data, name=f'{HOSTILE}\'s "net"', depth="quick", instruments=SOME)


@pytest.fixture(scope="module")
def result(trained):
    """The examination of a small trained network by a few instruments: tables, maps, pictures, absences."""
    model, _, test = trained
    return examine(model, test[:150], depth="quick", instruments=[*SOME, "saliency"])


def test_a_real_report_is_whole_and_needs_nothing_else(result):
    check_whole(result.to_html(), {paper(slug).url for each in result.readings for slug in each.instrument.papers})


def test_hostile_names_stay_text(hostile):
    assert not [absence for absence in hostile.absences if absence.failed]
    text = hostile.to_html()
    check_harmless(text)
    page = Page(text)
    assert HOSTILE in "".join(page.text)
    assert "{{ 7*7 }}" in "".join(page.text)
    assert text.count("alert(1)") == text.count("&lt;script&gt;alert(1)&lt;/script&gt;")


def test_the_notebook_shows_the_page_in_a_frame_that_cannot_reach_out(hostile):
    frame = Page(hostile._repr_html_())
    assert [name for name, _ in frame.elements] == ["iframe"]
    assert frame.all("iframe")[0]["srcdoc"] == hostile.to_html()
    assert frame.all("iframe")[0]["sandbox"] == "allow-scripts"


def test_the_policy_forbids_the_network_and_every_script_but_the_pages_own(hostile):
    text = hostile.to_html()
    policy = next(a["content"] for a in Page(text).all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "http" not in policy


def test_the_head_says_what_is_good_and_doubtful_and_the_glance_lists_everything():
    result = Examination(
        "A net",
        (
            reading("one", "First.", verdict="good", glance="first in brief"),
            reading("two", "Second.", verdict="doubtful", advice="See to the second."),
            reading("three", "Third."),
            reading("four", "Fourth is 5 % off.", chapter="how small it could be", papers=("norm-grad",)),
        ),
        (
            Absence(instrument("five", "where it fails"), "it needs images."),
            Absence(instrument("six"), "it broke", True),
        ),
        {"network": "A net", "data": "digits"},
    )
    text = result.to_html()
    head = text[text.index('<dl class="summary"') : text.index('<dl class="facts"')]
    assert re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", head) == [
        ("Good", '<a href="#one">About one</a>'),
        ("Doubtful", '<a href="#two">About two</a>'),
        ("Look first", '<a href="#two">About two</a>: See to the second.'),
    ]
    assert text.count("First.") == 1
    assert text.count("first in brief") == 1
    assert "Fourth is 5\u00a0% off." in text
    glance = text[text.index('<nav class="glance"') : text.index("</nav>")]
    for name in ("one", "two", "three", "four"):
        assert f'href="#{name}"' in glance
    assert "Where it fails" in glance
    assert "No finding in this chapter" in text
    assert "<strong>About five</strong>: it needs images." in text
    assert '<li class="failed"><strong>About six</strong> failed: it broke.' in text
    assert paper("norm-grad").title in text
    assert paper("norm-grad").authors in text
    assert 'href="https://arxiv.org/abs/2004.02866"' in text
    assert "The shape of its loss" not in text


def test_an_examination_without_a_finding_says_so():
    text = Examination("A net", (), (Absence(instrument("five"), "it needs images"),)).to_html()
    assert "no instrument gave a finding" in text
    assert Page(text).open == []


def test_control_characters_of_names_reach_neither_page_nor_terminal(capsys):
    name = "a\x1b]0;owned\x07b\udcff"
    data = Dataset(torch.rand(20, 1, 6, 6), torch.arange(20) % 2, (name, "plain"), files=(name,) * 20)
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 2))
    found = examine(model, data, instruments=["accuracy", "confusions", "label-issues"], name=name)
    page = found.to_html()
    assert not any(letter in page for letter in "\x1b\x07\udcff")
    page.encode("utf-8")
    assert "\x1b" not in str(found.mistakes)


def test_findings_are_short_to_print_and_show_themselves_in_a_notebook(result):
    finding = result.findings["accuracy"]
    assert len(repr(result.findings)) < 20_000
    assert repr(finding) == f"<Finding: {finding.sentence}>"
    assert "<svg" in finding._repr_html_()
    assert "&lt;b&gt;" in Finding(sentence="a <b>.", reading="")._repr_html_()


def test_figures_tables_and_code_are_shown_as_they_are():
    table = (("name", "share", "note"), ("a < b", "3.0 %", "x"), ("c", "-4", "7"))
    result = Examination(
        "A net",
        (reading(figures={"count": 1234567, "share": 0.123456, "which": "<i>"}, table=table, code="print('<&>')\n"),),
        (),
    )
    text = result.to_html()
    assert "<dd>1,234,567</dd>" in text
    assert "<dd>0.1235</dd>" in text
    assert "<dd>&lt;i&gt;</dd>" in text
    assert '<td>a &lt; b</td><td class="number">3.0 %</td><td>x</td>' in text
    assert "<code>print(&#39;&lt;&amp;&gt;&#39;)</code>" in text


def test_in_a_terminal_an_examination_is_one_line(hostile):
    assert repr(hostile).startswith("<Examination of ")
    assert len(repr(hostile).splitlines()) == 1
    assert len(repr(hostile)) < 300


def test_a_report_can_be_saved_twice_and_its_json_read(tmp_path, hostile):
    for _ in range(2):
        page = hostile.save(tmp_path / "report")
    assert page == tmp_path / "report" / "report.html"
    written = sorted(path.name for path in (tmp_path / "report").iterdir())
    assert written == [
        "mistakes.csv",
        "report.html",
        "report.json",
    ]
    told = json.loads((tmp_path / "report" / "report.json").read_text())
    assert [each["instrument"] for each in told["findings"]] == list(hostile.findings)
    assert hostile.save(tmp_path / "alone.html").read_text(encoding="utf-8") == hostile.to_html()


# Pictures among other pictures


def test_figures_with_the_same_ids_do_not_collide():
    first, second = drawing().svg, drawing().svg
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in (first, second)]
    assert ids[0] == ids[1]
    made = [inline_svg(svg, prefix, "a picture")[0] for svg, prefix in ((first, "a-"), (second, "b-"))]
    found = [re.findall(r'\bid="([^"]+)"', svg) for svg in made]
    assert not set(found[0]) & set(found[1])
    for svg, own in zip(made, found, strict=True):
        referred = re.findall(r"url\(#([^)]+)\)", svg) + re.findall(r'href="#([^"]+)"', svg)
        assert referred
        assert set(referred) <= set(own)


def test_a_figure_keeps_its_drawing_and_takes_the_pages_ink():
    picture = drawing()
    made, width = inline_svg(picture.svg, "a-", 'with "quotes" & <signs>')
    root = ElementTree.fromstring(made)
    assert root.attrib["aria-label"] == 'with "quotes" & <signs>'
    assert width == 288
    assert INK not in made
    assert "currentColor" in made
    before = ElementTree.fromstring(picture.svg)
    count = [sum(1 for e in tree.iter() if str(e.tag).endswith("path")) for tree in (before, root)]
    assert count[0] == count[1] > 5
    assert "xmlns" not in made


def test_images_in_a_figure_are_kept():
    drawn, axes = figure(2.0, 2.0)
    axes.imshow([[0, 1], [1, 0]], interpolation="none")
    assert 'href="data:image/png;base64,' in inline_svg(Picture.of(drawn, "a board").svg, "a-", "a board")[0]


def test_what_could_run_or_load_does_not_pass():
    attack = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"
      width="10" height="20" onload="alert(1)"><script>alert(2)</script><style>@import url(http://x)</style><image xlink:href="http://x/y.png"/>
      <a xlink:href="javascript:alert(3)"><rect style="fill:url(http://x)" fill="url(#g)" width="3"/></a>
      <foreignObject><p/></foreignObject><text>kept</text></svg>"""
    made, width = inline_svg(attack, "p-", "none")
    assert width == 10
    assert 'viewBox="0 0 10 20"' in made
    for word in ("alert", "http", "import", "foreignObject", 'style="fill'):
        assert word not in made
    assert 'fill="url(#p-g)"' in made
    assert "<text>kept</text>" in made


CARRIERS = {
    "frame": "<iframe src='http://x'/>",
    "frame in a namespace of its own": "<h:iframe xmlns:h='http://www.w3.org/1999/xhtml' src='file:///etc/passwd'/>",
    "picture": "<img src='x' onerror='alert(1)'/>",
    "moving a reference": "<use href='#a'><set attributeName='href' to='http://x'/></use>",
    "link": "<a href='file:///x'><text>a</text></a>",
    "file": "<image href='file:///x.png'/>",
    "drawing within": "<image href='data:image/svg+xml;base64,AAAA'/>",
    "another's drawing": "<use href='http://x/y.svg#a'/>",
    "hidden letters": "<rect style='fill:u\\72l(http://x)'/>",
    "capital letters": "<rect fill='URL(http://x)' STYLE='fill:url(http://x)'/>",
    "source": "<rect src='http://x' srcset='http://x' action='http://x' formaction='http://x'/>",
    "the page's own looks": "<rect class='http://x' onclick='alert(1)'/>",
}


@pytest.mark.parametrize("carrier", CARRIERS.values(), ids=CARRIERS)
def test_only_what_draws_passes(carrier):
    made, _ = inline_svg(f"<svg xmlns='http://www.w3.org/2000/svg'>{carrier}<path d='M0 0'/></svg>", "p-", "none")
    assert not re.search(r"http|file:|alert|<iframe|<img|src|svg\+xml|class", made)
    assert '<path d="M0 0" />' in made


def test_every_drawing_of_a_report_passes_unchanged(result):
    def drawing_of(text):
        children = [child for child in ElementTree.fromstring(text) if not child.tag.endswith("metadata")]
        elements = [each for child in children for each in child.iter() if not each.tag.endswith("style")]
        local = [(each.tag, *sorted(set(each.attrib) - {"id"})) for each in elements]
        return Counter(tuple(sorted(name.rpartition("}")[2] for name in names)) for names in local)

    for each in result.readings:
        for picture in each.finding.pictures:
            assert drawing_of(picture.svg) == drawing_of(inline_svg(picture.svg, "p-", "a picture")[0])


def test_a_picture_that_is_none_leaves_the_rest_of_the_report():
    bad = Picture("<svg", "torn", "A caption.")
    text = report.page("net", {}, [reading(pictures=(bad, drawing("fine")))], [])
    assert "A caption. (This picture cannot be shown: a picture must be SVG" in text
    assert text.count("<svg") == 1


ODD = ("a\x1b]0;x\x07b", "lone \ud800 half", "$\\nonsense$", "$\\frac{$", "right \u202e left", "NUL\0", "$")


def test_names_of_layers_classes_and_files_do_not_cost_the_report(tmp_path):
    model = nn.Sequential()
    model.add_module("a\x1b]0;x\x07\ud800$\\nonsense$", nn.Conv2d(1, 3, 3))
    model.add_module("flat\x01", nn.Flatten())
    model.add_module("out", nn.Linear(108, len(ODD)))
    data = Dataset(
        torch.rand(40, 1, 8, 8), torch.arange(40) % len(ODD), ODD, name="\x1b\udc80", files=ODD * 5 + ODD[:5]
    )
    found = examine(model, data, name="\x1b\ud800", depth="quick")
    assert not [absence for absence in found.absences if absence.failed]
    page = found.save(tmp_path / "report")
    for file in page.parent.iterdir():
        text = file.read_text(encoding="utf-8")
        assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", text), file
    assert "\x1b" not in found._repr_html_()


def test_a_drawing_of_any_text_is_xml():
    for text in ODD:
        drawn, axes = figure(2.0, 2.0)
        axes.set_title(text)
        axes.set_xticks([0, 1], [text.replace("\ud800", ""), "plain"])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # letters that the font has not
            ElementTree.fromstring(Picture.of(drawn, "any").svg)


@pytest.mark.parametrize("text", ["", "no svg", "<p>none</p>", "<svg><g></svg>"])
def test_a_picture_must_be_svg(text):
    with pytest.raises(InputError, match="a picture must be SVG"):
        inline_svg(text, "a-", "none")


def test_figures_that_are_no_numbers_are_null_in_the_json(tmp_path):
    instrument = Instrument("odd", "Odd", "what it is", lambda subject, seconds: finding)
    finding = Finding("It is odd.", "Read it.", figures={"nothing": float("nan"), "something": 1.5})
    Examination("net", (Reading(instrument, finding, 0.1),), ()).save(tmp_path / "report")
    (saved,) = json.loads((tmp_path / "report" / "report.json").read_text())["findings"]
    assert saved["figures"] == {"nothing": None, "something": 1.5}
