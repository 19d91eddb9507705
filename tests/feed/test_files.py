"""Papers from files: what can be read comes in, what cannot is named."""

import gzip
import json
from datetime import date

import pytest

from netopsy.core.errors import InputError
from netopsy.feed.sources import files

SNAPSHOT = {
    "id": "2004.02866",
    "title": "Of\n  nets",
    "authors_parsed": [["Author", "Ann", ""], ["de Boer", "B.", ""]],
    "abstract": "It is so.",
    "categories": "cs.LG stat.ML",
    "doi": "10.1000/x 10.1000/y",
    "versions": [{"version": "v1", "created": "Mon, 6 Apr 2020 17:00:00 GMT"}, {"version": "v2", "created": "x"}],
    "update_date": "2021-01-01",
}
BIBTEX = """
@article{one, title = {{Of {N}ets}}, author = {Author, Ann and B. de Boer}, year = 2020, eprint = {2004.02866},
  archivePrefix = {arXiv}, keywords = {a, b}}
@misc{two, author = {Nobody}}
@article{three, title = "Half
"""
RIS = """TY  - JOUR
TI  - Of nets
AU  - Author, Ann
PY  - 2020
DO  - 10.1000/X
AB  - It is so.
ER  -

TY  - JOUR
AU  - Nobody
ER  -
"""


def taken(path, **options):
    bad = []
    return list(files.read(path, lambda *told: bad.append(told), **options)), bad


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", ["papers.jsonl", "papers.json", "papers.txt"])
def test_arxivs_snapshot(tmp_path, name, packed):
    content = "\n".join([json.dumps(SNAPSHOT), "", "{nonsense", "[1]", json.dumps({"id": "2101.00001"})]).encode()
    place = tmp_path / (name + ".gz" * packed)
    place.write_bytes(gzip.compress(content) if packed else content)
    found, bad = taken(place, day=date(2026, 11, 1))
    assert len(found) == 1
    (one,) = found
    assert (one.id.key, one.id.version, [each.key for each in one.aliases]) == (
        "arxiv:2004.02866",
        2,
        ["doi:10.1000/x"],
    )
    assert (one.title, one.authors, one.categories) == ("Of nets", ("Ann Author", "B. de Boer"), ("cs.LG", "stat.ML"))
    assert (one.published, one.day) == (date(2020, 4, 6), date(2026, 11, 1))
    assert [where for where, _ in bad] == ["line 3", "line 4", "line 5"]
    assert bad[2][1] == "it has no title"


def test_a_list_of_objects(tmp_path):
    papers = [
        {"arxiv": "2004.02866", "title": "A", "authors": [{"name": "Ann"}, "Ben"]},
        {"title": "B", "authors": "A. B, C"},
        3,
    ]
    (tmp_path / "x.json").write_text(json.dumps({"papers": papers}))
    found, bad = taken(tmp_path / "x.json")
    assert [one.authors for one in found] == [("Ann", "Ben"), ("A. B", "C")]
    assert found[1].id.kind == "file"
    assert bad == [("paper 3", "a paper must be an object, got int")]


def test_bibtex_and_ris(tmp_path):
    (tmp_path / "x.bib").write_text(BIBTEX)
    found, bad = taken(tmp_path / "x.bib")
    assert [(one.id.key, one.title, one.authors) for one in found] == [
        ("arxiv:2004.02866", "Of Nets", ("Ann Author", "B. de Boer"))
    ]
    assert (found[0].keywords, found[0].published) == (("a", "b"), date(2020, 1, 1))
    assert ("entry two", "it has no title") in bad
    assert len(bad) == 2
    (tmp_path / "x.ris").write_text(RIS)
    found, bad = taken(tmp_path / "x.ris")
    assert [(one.id.key, one.title, one.authors) for one in found] == [("doi:10.1000/x", "Of nets", ("Ann Author",))]
    assert bad == [("entry 2", "it has no title")]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.json", b"[1", "x.json is not JSON"),
        ("x.json", b"3", "must hold a list of papers"),
        ("x.pdf", b"%PDF", "must be JSON, JSON lines, BibTeX or RIS"),
        ("x.txt", b"", "must be JSON, JSON lines, BibTeX or RIS"),
        ("x.json.gz", gzip.compress(b"[]", mtime=0)[:-6], "cannot be read"),
        ("x.json", b"[" * 100_000, "is not JSON"),
    ],
)
def test_a_file_of_which_nothing_can_be_read_is_one_sentence(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        taken(tmp_path / name)


def test_what_is_too_large_is_not_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LARGEST", 100)
    monkeypatch.setattr(files, "LONGEST_LINE", 1000)
    (tmp_path / "x.json.gz").write_bytes(gzip.compress(b"[" + b" " * 1000 + b"]"))
    with pytest.raises(InputError, match="is larger than"):
        taken(tmp_path / "x.json.gz")
    (tmp_path / "y.jsonl").write_text(json.dumps({"title": "x" * 5000}) + "\n" + json.dumps({"title": "short"}) + "\n")
    found, bad = taken(tmp_path / "y.jsonl")
    assert [one.title for one in found] == ["short"]
    assert bad == [("line 1", "it is longer than 1,000 bytes")]


@pytest.mark.parametrize("path", ["/dev/zero", "/tmp", "nowhere.json", ""])
def test_what_is_no_file_is_said(path):
    with pytest.raises(InputError):
        taken(path)
