"""`netopsy papers` and `netopsy show`, as a person and as a program would use them."""

import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from netopsy.catalogue import ROOMS, in_room, paper, papers
from netopsy.cli import main, tables
from netopsy.lab.evidence import Evidence


@pytest.fixture(autouse=True)
def cache(catalogue_cache, monkeypatch):
    monkeypatch.setenv("NETOPSY_CACHE", str(catalogue_cache))


EVIDENCE = Path(__file__).resolve().parents[2] / "docs" / "evidence"
BY_ROOM = [paper for room in ROOMS for paper in in_room(room)]


@pytest.fixture(autouse=True)
def nothing_recorded(monkeypatch):
    monkeypatch.setattr("netopsy.lab.evidence.load_evidence", lambda *_: {})


@pytest.fixture
def recorded(monkeypatch) -> Evidence:
    """Evidence for one paper: a verdict with parts, one without, and a claim that no run has tested."""
    part = {"name": "at depth 1", "rule": "interval above 0", "answer": "does not hold", "unit": "runs", "n": 5}
    part |= {"estimate": 0.0512, "interval": [-0.01, 0.11], "beside": {"by chance": 0.25, "at depth 2": None}}
    verdicts = [
        {"claim": "norm-grad-1", "verdict": "does not hold", "estimate": 0.0512, "interval": [-0.01, 0.11]}
        | {"criterion": "as fixed", "parts": [part], "note": "By a hair."},
        {"claim": "norm-grad-2", "verdict": "undecided", "criterion": "", "estimate": None, "interval": None},
    ]
    found = Evidence("norm-grad", "laptop", 3, 61.4, {}, verdicts, {}, {"netopsy.gone:measure": "0"})
    monkeypatch.setattr("netopsy.lab.evidence.load_evidence", lambda *_: {"norm-grad": found})
    return found


def told(capsys, *arguments: str) -> tuple[int, str, str]:
    code = main(list(arguments))
    output = capsys.readouterr()
    return code, output.out, output.err


def as_terminal(monkeypatch, width: int) -> io.StringIO:
    """Make the tables believe in a terminal of ``width`` columns; returns what they write."""
    screen = io.StringIO()
    monkeypatch.setattr(
        tables, "Console", lambda **options: Console(file=screen, force_terminal=True, width=width, **options)
    )
    return screen


def plain(text: str) -> list[str]:
    return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text).splitlines() if line.strip()]


def test_a_pipe_gets_all_papers_whole_and_tab_separated(capsys):
    code, out, err = told(capsys, "papers")
    rows = [line.split("\t") for line in out.splitlines()]
    assert code == 0
    assert rows == [[p.slug, p.status, p.title, str(p.year), p.room] for p in BY_ROOM]
    assert "51 papers" in err


def test_a_recorded_paper_says_how_its_claims_stand(capsys, recorded):
    rows = [line.split("\t") for line in told(capsys, "papers")[1].splitlines()]
    assert {row[0]: row[1] for row in rows if "hold" in row[1]} == {"norm-grad": "0 of 2 hold"}


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_a_terminal_gets_one_line_a_paper_that_fits(capsys, monkeypatch, width):
    screen = as_terminal(monkeypatch, width)
    assert main(["papers"]) == 0
    lines = plain(screen.getvalue())
    assert len(lines) == 62
    assert max(map(len, lines)) <= width
    assert [line for line in lines if line in ROOMS] == list(ROOMS)
    for line, entry in zip([line for line in lines[1:] if line not in ROOMS], BY_ROOM, strict=True):
        slug, status, title = re.split(r"\s{2,}", line)[:3]
        assert (slug, status) == (entry.slug, entry.status)
        shown = title.rstrip("…")
        assert entry.title.startswith(shown.rstrip())
        assert len(shown) >= min(len(entry.title), 14)


def test_a_wide_terminal_shows_titles_whole(capsys, monkeypatch):
    screen = as_terminal(monkeypatch, 300)
    main(["papers", "--room", "theory"])
    assert "…" not in screen.getvalue()
    assert "Separation between CNNs, LCNs, and FCNs" in screen.getvalue()


def test_rooms_status_and_limit_narrow_the_list(capsys):
    rows = told(capsys, "papers", "--room", "graphs", "--limit", "2")[1].splitlines()
    assert [row.split("\t")[0] for row in rows] == ["dagnn", "graph-valuation"]
    ready = told(capsys, "papers", "--status", "ready", "--json")[1]
    assert {entry["slug"] for entry in json.loads(ready)} == {p.slug for p in papers() if p.status == "ready"}


def test_a_query_gives_the_nearest_first(capsys):
    code, out, err = told(capsys, "papers", "deblurring of photographs", "--limit", "3")
    assert code == 0
    assert out.splitlines()[0].startswith("multi-output-deblur\t")
    assert len(out.splitlines()) == 3
    assert "nearest first, searched by" in err


def test_a_query_within_a_room_looks_beyond_the_first_hits(capsys):
    out = told(capsys, "papers", "deblurring of photographs", "--room", "graphs", "--json")[1]
    assert {entry["room"] for entry in json.loads(out)} == {"graphs"}
    assert all(0 < entry["score"] <= 1 and entry["passage"] for entry in json.loads(out))


def test_without_the_encoder_the_answer_says_so(capsys, monkeypatch):
    monkeypatch.setattr("netopsy.catalogue.search.searches_by_meaning", lambda: False)
    code, out, err = told(capsys, "papers", "deblur")
    assert code == 0
    assert out.startswith("multi-output-deblur")
    assert "by words only" in err


@pytest.mark.parametrize("entry", papers(), ids=lambda entry: entry.slug)
def test_show_tells_all_about_a_paper(entry, capsys):
    code, out, err = told(capsys, "show", entry.slug)
    text = " ".join(out.split())
    assert code == 0, err
    assert (
        max(map(len, plain("\n".join(line for line in out.splitlines() if " " in line.strip() and "(" not in line))))
        <= 100
    )
    for part in (entry.title, entry.authors, entry.url, entry.room, entry.summary, entry.venue):
        assert part in text
    for claim in entry.claims:
        assert f"{claim.id}: " in text
        assert claim.criterion in text
    assert ("netopsy reproduce" in text) == (entry.status == "ready")
    assert ("not written yet" in text) == (entry.status == "planned")


def test_show_prints_the_recorded_verdicts(capsys, recorded):
    text = told(capsys, "show", "norm-grad")[1]
    assert "norm-grad-1: does not hold, 0.0512 [-0.01, 0.11]\n" in text
    assert re.search(r"part +rule +estimate +answer +beside", text)
    assert re.search(
        r"at depth 1 +interval above 0 +0.0512 \[-0.01, 0.11\] over 5 runs +does not hold +by chance 0.25; at", text
    )
    assert "Note: By a hair." in text
    assert "norm-grad-2: undecided\n" in text
    assert "norm-grad-3: not re-tested yet" in text
    assert "preset laptop, 3 seeds, 61 s" in text
    assert "Older than its code or criteria: netopsy.gone:measure, norm-grad-1, norm-grad-2." in text
    told_entry = json.loads(told(capsys, "show", "norm-grad", "--json")[1])["evidence"]
    assert (told_entry["verdicts"], told_entry["code"]) == (recorded.verdicts, recorded.code)


def test_evidence_is_one_line_a_claim(capsys, recorded):
    code, out, err = told(capsys, "evidence")
    assert code == 0
    assert [line.split("\t") for line in out.splitlines()] == [
        ["norm-grad-1", "does not hold", "0.0512 [-0.01, 0.11]", "criterion changed"],
        ["norm-grad-2", "undecided", "", "criterion changed"],
    ]
    assert "0 of 2 claims of 1 paper hold" in err


@pytest.mark.parametrize("width", [60, 80, 200])
def test_evidence_fits_a_terminal(capsys, monkeypatch, recorded, width):
    monkeypatch.setattr("netopsy.lab.evidence.stale", lambda _: ["netopsy.gone:measure"])
    screen = as_terminal(monkeypatch, width)
    assert main(["evidence"]) == 0
    assert max(map(len, plain(screen.getvalue()))) <= width
    assert "\x1b[31mdoes not hold" in screen.getvalue()
    assert ("older than its code" in screen.getvalue()) == (width >= 80)


@pytest.mark.parametrize(
    ("slug", "author"),
    [
        ("lottery-ticket", "J. Frankle and M. Carbin"),
        ("noisy-label-clustering", "{Back de Luca} and Fountoulakis and Yang"),
    ],
)
def test_show_prints_a_bibtex_entry(slug, author, capsys):
    code, out, _ = told(capsys, "show", slug, "--bibtex")
    assert code == 0
    assert out.startswith(f"@misc{{{slug},\n")
    assert out.endswith("}\n")
    for line in (f"author = {{{author}}}", f"title = {{{{{paper(slug).title}}}}}", f"eprint = {{{paper(slug).arxiv}}}"):
        assert f"  {line},\n" in out


@pytest.mark.parametrize("entry", papers(), ids=lambda entry: entry.slug)
def test_braces_of_a_bibtex_entry_are_closed(entry):
    depth = 0
    for mark in re.sub(r"\\\\.", "", entry.bibtex):
        depth += (mark == "{") - (mark == "}")
        assert depth >= 0
    assert depth == 0


def test_show_as_json_holds_the_whole_entry(capsys):
    entry = paper("lottery-ticket")
    told_entry = json.loads(told(capsys, "show", "lottery-ticket", "--json")[1])
    assert told_entry["title"] == entry.title
    assert [claim["criterion"] for claim in told_entry["claims"]] == [claim.criterion for claim in entry.claims]
    assert told_entry["methods"] == list(entry.methods)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["show", "norm-grda"], "unknown paper 'norm-grda': did you mean 'norm-grad'?"),
        (["show", "../papers"], "unknown paper '../papers'"),
        (["show", ""], "unknown paper ''"),
        (["show"], "SLUG"),
        (["show", "teddy", "--json", "--bibtex"], "--json and --bibtex exclude each other"),
        (["papers", ""], "query must be a few words"),
        (["papers", "--room", "kitchen"], "unknown room 'kitchen'"),
        (["papers", "--room", "graph"], "did you mean 'graphs'"),
        (["papers", "--status", "done"], "unknown status 'done'"),
        (["papers", "--limit", "0"], "--limit must be at least 1, got 0"),
        (["papers", "pruning", "--limit", "-1"], "--limit must be at least 1, got -1"),
        (["papers", "--limit", "many"], "--limit"),
        (["papers", "--rooms", "graphs"], "--rooms"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(arguments, says, capsys):
    code, out, err = told(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert says in err
    assert len(err.strip().splitlines()) == 1


def test_reading_what_is_recorded_imports_nothing_heavy(tmp_path):
    for recorded in ("norm-grad", "teddy"):  # keys of code, which are found out anew, for each of many measures
        shutil.copy(EVIDENCE / f"{recorded}.json", tmp_path)
    code = (
        "import sys; from pathlib import Path; from netopsy.cli import main; from netopsy.lab import evidence;"
        "evidence.evidence_folder = lambda: Path(sys.argv[1]);"
        "codes = main(['papers']), main(['evidence']);"
        "sys.exit(any(codes) or bool({'torch', 'pandas', 'matplotlib', 'scipy'} & set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], check=False, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    named = {line.split("\t")[0] for line in ended.stdout.splitlines()}
    assert named >= {"norm-grad", "teddy", "norm-grad-1", "teddy-1"}
