"""Pages that are written when the site is built: one a paper, their index, and the reference of every package."""

from __future__ import annotations

import ast
import os
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from mkdocs.structure.files import File, Files

import netopsy
from netopsy.catalogue import ROOMS, Claim, Paper, in_room, papers
from netopsy.lab.evidence import Evidence, load_evidence, standing
from netopsy.lab.verdict_table import PartRow, measured, part_rows

Verdict: TypeAlias = Mapping[str, Any]

PACKAGES = {
    "examination": "The examination of a trained network, and its report",
    "interpretability": ROOMS["interpretability"],
    "robustness": ROOMS["robustness"],
    "sparsity": ROOMS["sparsity"],
    "landscape": ROOMS["landscape"],
    "representations": ROOMS["representations"],
    "theory": ROOMS["theory"],
    "learning": ROOMS["learning"],
    "restoration": ROOMS["restoration"],
    "vision": ROOMS["vision"],
    "graphs": ROOMS["graphs"],
    "lab": "What every study stands on",
    "studies": "The studies, one file a paper",
    "catalogue": "The papers, and the search over them",
    "training": "One training loop, and its twin over replicas",
    "data": "Data sets and files in",
    "models": "The small model zoo",
    "core": "The ground floor",
}


def on_config(config: Any) -> Any:
    """The navigation: the written pages, and the pages made here."""
    config["nav"] = [
        {"Start": "index.md"},
        {"The examination": "examination.md"},
        {"Two networks side by side": "compare.md"},
        {"A graph in a file": "graphs.md"},
        {"An answer proved": "verify.md"},
        {"Papers by day": "feed.md"},
        {"Papers by day on the internet": "serve.md"},
        {"An answer changed": "attack.md"},
        {"Ways of pruning": "prune.md"},
        {"Re-testing a paper": "reproduce.md"},
        {"A generator taken apart": "take-a-generator-apart.md"},
        {"Papers": ["papers/index.md", *({room.capitalize(): _paths(room)} for room in ROOMS)]},
        {"Reference": ["api/index.md", *({name: _module_paths(name)} for name in _packages())]},
        {"Taking part": ["add-a-paper.md", "changelog.md"]},
    ]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages made from the catalogue, the evidence and the packages."""
    evidence = load_evidence(Path(config["docs_dir"]) / "evidence")
    pages = {"papers/index.md": index_page(evidence), "api/index.md": _reference_index()}
    pages |= {f"papers/{paper.slug}.md": paper_page(paper, evidence.get(paper.slug)) for paper in papers()}
    for name in _packages():
        pages[f"api/{name}.md"] = _reference(name)
        # What a paper's methods do is found on its page; the search index is to stay small with every paper there.
        head = "---\nsearch:\n  exclude: true\n---\n\n" if name in ROOMS or name == "studies" else ""
        pages |= {f"api/{module}.md": f"{head}# {module}\n\n{_described(module)}" for module in _modules_of(name)}
    for path, text in pages.items():
        files.append(File.generated(config, path, content=text))
    return files


def paper_page(paper: Paper, evidence: Evidence | None) -> str:
    """The page of one paper, in Markdown."""
    links = [f"[arXiv {paper.arxiv}]({paper.url})"]
    if paper.code:
        links.append(f"[authors' code](https://github.com/{paper.code})")
    parts = [
        f"---\ntitle: {paper.slug}\n---\n",
        f"# {_escaped(paper.title)}\n",
        f"{_escaped(paper.authors)} · {_escaped(paper.venue)}, {paper.year} · {' · '.join(links)}\n",
        f"{paper.summary}\n",
        f"*Keywords: {', '.join(paper.keywords)}.*\n",
    ]
    if paper.status == "planned":
        return "\n".join([*parts, '!!! note "Planned"\n    Its methods and its study are not written yet.\n'])
    parts += ["## Re-test it\n", f"```console\n$ netopsy reproduce {paper.slug}\n```\n"]
    parts += _claims(paper, evidence)
    if paper.methods:
        parts += ["## Methods\n", *(_method(dotted) for dotted in paper.methods)]
    return "\n".join(parts)


def index_page(evidence: dict[str, Evidence]) -> str:
    """All papers by room."""
    ready = sum(paper.status == "ready" for paper in papers())
    parts = [
        "# The papers\n",
        f"{len(papers())} papers, {ready} of them ready. `netopsy papers QUERY` searches them in your own words.\n",
    ]
    for room, question in ROOMS.items():
        parts += [
            f"## {room.capitalize()}\n",
            f"{question}.\n",
            "| paper | title | year | status |",
            "| --- | --- | --- | --- |",
        ]
        parts += [
            f"| [{paper.slug}]({paper.slug}.md) | {_cell(paper.title)} | {paper.year} | {_state(paper, evidence)} |"
            for paper in in_room(room)
        ]
        parts.append("")
    return "\n".join(parts)


def _claims(paper: Paper, evidence: Evidence | None) -> list[str]:
    """The table of verdicts, then each claim in full: on a phone a table has no room for sentences."""
    verdicts = {verdict["claim"]: verdict for verdict in evidence.verdicts} if evidence else {}
    head = ["| claim | verdict | estimate and 95% interval |", "| --- | --- | --- |"]
    rows = [_row(claim, verdicts.get(claim.id)) for claim in paper.claims]
    record = _recorded(evidence) if evidence else []
    texts = [_claim(claim, verdicts.get(claim.id)) for claim in paper.claims]
    return ["## Claims\n", *head, *rows, "", *record, "Every criterion was fixed before the run.\n", *texts]


def _claim(claim: Claim, verdict: Verdict | None) -> str:
    points = [f"### {claim.id}\n", f"{_escaped(claim.text)}\n", f"- *Criterion.* {_escaped(claim.criterion)}"]
    points.append(f"- *In the paper.* {_escaped(claim.paper_value)}\n")
    if verdict and (rows := part_rows(verdict)):
        head = [f"| {' | '.join(PartRow._fields)} |", "| --- | --- | --- | --- | --- |"]
        points += [*head, *(f"| {' | '.join(map(_cell, row))} |" for row in rows), ""]
    if verdict and verdict.get("note"):
        points.append(f"{_escaped(verdict['note'])}\n")
    return "\n".join(points)


def _row(claim: Claim, verdict: Verdict | None) -> str:
    return f"| [{claim.id}](#{claim.id.lower()}) | {_badge(verdict)} | {measured(verdict)} |"


def _badge(verdict: Verdict | None) -> str:
    answer = verdict["verdict"] if verdict else "not re-tested yet"
    kind = answer.replace(" ", "-") if verdict else "open"
    return f'<span class="verdict verdict-{kind}">{answer}</span>'


def _recorded(evidence: Evidence) -> list[str]:
    seeds = f", {evidence.seeds} seeds" if evidence.seeds is not None else ""
    parts = [
        f"Recorded with the preset `{evidence.preset}`{seeds}, {evidence.seconds:.0f} s of computing;"
        f" [the whole record](../evidence/{evidence.paper}.json).\n"
    ]
    parts += [
        f"![{name.replace('-', ' ').replace('_', ' ')}](../evidence/{evidence.paper}/{name}.svg)\n"
        for name in evidence.figures
    ]
    return parts


def _method(dotted: str) -> str:
    return f"::: {dotted}\n    options:\n      heading_level: 3\n      show_root_full_path: false\n"


def _state(paper: Paper, evidence: dict[str, Evidence]) -> str:
    return standing(evidence[paper.slug]) if paper.slug in evidence else paper.status


def _paths(room: str) -> list[dict[str, str]]:
    return [{paper.slug: f"papers/{paper.slug}.md"} for paper in in_room(room)]


def _packages() -> list[str]:
    source = Path(netopsy.__file__).parent
    return [name for name in PACKAGES if (source / name / "__init__.py").is_file()]


def _reference_index() -> str:
    rows = [f"| [netopsy.{name}]({name}.md) | {PACKAGES[name]} |" for name in _packages()]
    return "\n".join(["# Reference\n", "| package | what is in it |", "| --- | --- |", *rows, ""])


def _reference(name: str) -> str:
    rows = [f"- [{module}]({module}.md)" for module in _modules_of(name)]
    return "\n".join([f"# netopsy.{name}\n", f"{PACKAGES[name]}.\n", *rows, ""])


def _module_paths(name: str) -> list[Any]:
    return [f"api/{name}.md", *({module: f"api/{module}.md"} for module in _modules_of(name))]


def _modules_of(name: str) -> list[str]:
    return sorted(_modules(Path(netopsy.__file__).parent / name, f"netopsy.{name}"))


def _modules(folder: Path, package: str) -> list[str]:
    """The public modules below a folder, a package that says what it offers as one; nothing is imported."""
    found: list[str] = []
    for module in pkgutil.iter_modules([os.fspath(folder)]):
        name = f"{package}.{module.name}"
        if module.name.startswith("_"):
            continue
        if module.ispkg and not _offers(folder / module.name / "__init__.py"):
            found += _modules(folder / module.name, name)
        else:
            found.append(name)
    return found


def _offers(file: Path) -> list[str]:
    """The names that a package is there for: its ``__all__``, or its study."""
    for statement in ast.parse(file.read_text(encoding="utf-8")).body if file.is_file() else ():
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            if statement.targets[0].id == "__all__":
                return list(ast.literal_eval(statement.value))
            if statement.targets[0].id == "STUDY":
                return ["STUDY"]
    return []


def _described(module: str) -> str:
    """A module as it stands; a package by what it offers."""
    names = _offers(Path(netopsy.__file__).parent.joinpath(*module.split(".")[1:], "__init__.py"))
    if not names:
        return f"::: {module}\n"
    members = "".join(f"        - {name}\n" for name in names)
    return f"::: {module}\n    options:\n      members:\n{members}"


def _cell(text: str) -> str:
    return _escaped(text).replace("|", "\\|")


def _escaped(text: str) -> str:
    for mark in "*_":
        text = text.replace(mark, "\\" + mark)
    return text.replace("<", "&lt;")
