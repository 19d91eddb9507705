"""Edge lists as people and programs write them: which fields of which lines are nodes and weights, or why not."""

from __future__ import annotations

import ast
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from netopsy.core.errors import InputError, require

_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_PAIRS = (
    ("source", "target"),
    ("from", "to"),
    ("src", "dst"),
    ("head", "tail"),
    ("node1", "node2"),
    ("nodea", "nodeb"),
    ("fromnodeid", "tonodeid"),
    ("fromnode", "tonode"),
    ("u", "v"),
    ("i", "j"),
)
"""What both columns of nodes are called, without blanks and underscores."""
_WEIGHT = ("weight", "weights", "edgeweight")
_FIELD = re.compile(r'(?:"((?:[^"]|"")*)"|([^\s,;"]*))(?:\s*[,;]\s*|\s+|$)')
_ATTRIBUTES = re.compile(r"\s(\{.*\})$")

Row = tuple[int, list[str]]
"""The number of a line and its fields."""


@dataclass(frozen=True, eq=False)
class Edges:
    """Edges as a file lists them, line after line."""

    first: np.ndarray
    second: np.ndarray
    """Both ends by name: words, or int64 where all names are plain whole numbers."""
    weights: np.ndarray | None
    """``None`` where the file has none."""
    notes: tuple[str, ...] = ()
    """What a reader should be told."""


def read_edges(text: str, name: str) -> Edges:
    """The edges in the text of a file.

    Args:
        name: of the file, whose ending says what separates fields, and which begins with ``out.`` where it is KONECT's.

    Raises:
        InputError: fields whose meaning is not certain, a node without a name, or a weight that is no number.
    """
    called = f"graph file {name!r}"
    konect = name.startswith("out.")
    found = _plain_numbers(text, name, konect) or _line_by_line(text, name, called, konect)
    notes = list(found.notes)
    head = text[:2000].lower()
    if any(line.startswith("# directed graph") for line in head.splitlines()) or (konect and "asym" in head):
        notes.append("the directions of its edges are left aside")
    weights = found.weights
    if weights is not None and not found.named and _times(weights):
        weights = None
        notes.append("its third column holds time stamps by the look of it, and is not taken as weights")
    first, second = found.first, found.second
    if konect and head.startswith("% bip"):
        first, second = (np.char.add(mark, end.astype(str)) for mark, end in (("1:", first), ("2:", second)))
        notes.append("it has two kinds of nodes, which are called 1:NAME and 2:NAME")
    return Edges(first, second, weights, tuple(notes))


@dataclass(frozen=True, eq=False)
class _Found(Edges):
    named: bool = False
    """Whether the file itself says that its weights are such."""


def _times(weights: np.ndarray) -> bool:
    """Seconds or milliseconds since 1970, from 1973 on."""
    return len(weights) > 0 and bool(((weights >= 1e8) & (weights < 1e14) & (weights == np.floor(weights))).all())


def _plain_numbers(text: str, name: str, konect: bool) -> _Found | None:
    """Edges between nodes that are whole numbers, by the reader of pandas; ``None`` if there is any doubt."""
    start = 0
    while start < len(text) and text[start] in "#%\r\n":
        start = text.find("\n", start) + 1 or len(text)
    first_line = text[start : text.find("\n", start) if "\n" in text[start:] else None].strip()
    ending = Path(name).suffix.lower()
    separator = _SEPARATORS.get(ending) or next((mark for mark in ",;" if mark in first_line), r"\s+")
    separator = ";" if ending == ".csv" and "," not in first_line and ";" in first_line else separator
    fields = first_line.split() if separator == r"\s+" else [field.strip() for field in first_line.split(separator)]
    words = [re.sub(r"[\s_]", "", field).lower() for field in fields]
    pair = next((pair for pair in _PAIRS[:-2] if pair[0] in words and pair[1] in words), None)
    most = 4 if konect else 3
    if pair is None and not (2 <= len(fields) <= most and all(map(_number, fields))):
        return None
    if pair is not None and len(set(words)) < len(words):
        return None
    data = text[start:].encode("ascii", "replace")
    if any(mark in data for mark in (b'"', b"#", b"%", b"{", b"+", b"-0", b"?")) or _leading_zeros(data):
        return None
    if separator == r"\s+":  # one blank between fields is read faster than any number
        separator = next(
            (mark for mark, other in ("\t ", " \t") if mark in first_line and other not in text), separator
        )
    weight = next((place for place, word in enumerate(words) if word in _WEIGHT), None)
    places = [words.index(word) for word in pair] if pair else [0, 1]
    if pair is None and len(fields) > 2:
        weight = 2
    used = places if weight is None else [*places, weight]
    try:
        table = pd.read_csv(
            io.BytesIO(data), sep=separator, header=None, skiprows=int(pair is not None), usecols=used, na_filter=False,
            names=range(len(fields)), index_col=False, skipinitialspace=True,
        )  # fmt: skip
    except (ValueError, pd.errors.ParserError, pd.errors.ParserWarning):
        return None
    ends = [table[place].to_numpy() for place in places]
    values = None if weight is None else table[weight].to_numpy()
    if any(end.dtype != np.int64 for end in ends) or (values is not None and values.dtype.kind not in "if"):
        return None
    weights = None if values is None else values.astype(float)
    return _Found(ends[0], ends[1], weights, named=pair is not None)


def _leading_zeros(data: bytes) -> bool:
    """Whether some number begins with a zero that a reader of numbers would lose."""
    codes = np.frombuffer(data, dtype=np.uint8)
    digit = (codes >= 48) & (codes <= 57)
    before = digit | (codes == 46)
    inside = (codes[1:-1] == 48) & ~before[:-2] & digit[2:]
    return bool(inside.any() or (len(codes) > 1 and codes[0] == 48 and digit[1]))


def _line_by_line(text: str, name: str, called: str, konect: bool) -> _Found:
    lines = text.splitlines()
    separator = _SEPARATORS.get(Path(name).suffix.lower())
    if separator == "," and _by_semicolons(lines):
        separator = ";"
    rows = list(_separated(lines, separator, called) if separator else _loose(lines, called))
    if konect:
        rows = [(number, fields[:3]) for number, fields in rows]
    require(rows, f"{called} holds no edge")
    one, other, weight, below = _columns(rows, called)
    require(below, f"{called} holds no edge below its first line")
    names = []
    for column in (one, other):
        names.append([fields[column].strip() if column < len(fields) else "" for _, fields in below])
    for (number, fields), *ends in zip(below, *names, strict=True):
        if not all(ends):
            shown = (separator or " ").join(fields)[:60]
            raise InputError(f"{called} has a line that does not name two nodes: {shown!r}, line {number}")
    weights = _weights(below, weight, called, decimal_comma=separator == ";")
    return _Found(np.array(names[0], dtype=str), np.array(names[1], dtype=str), weights, named=len(below) < len(rows))


def _by_semicolons(lines: Sequence[str]) -> bool:
    """Whether fields of a ``.csv`` are separated by semicolons, as where a comma stands before decimals."""
    held = [line for line in map(without_comment, lines[:200]) if line.strip()]
    return bool(held) and all(";" in line for line in held) and len({line.count(";") for line in held}) == 1


def without_comment(line: str) -> str:
    """A line up to a ``#`` or ``%`` that begins it or follows a blank, outside quotation marks."""
    if "#" in line or "%" in line:
        for match in re.finditer(r"(?:^|(?<=\s))[#%]", line):
            if line.count('"', 0, match.start()) % 2 == 0:
                return line[: match.start()].rstrip()
    return line


def _separated(lines: Iterable[str], separator: str, called: str) -> Iterator[Row]:
    reader = csv.reader(
        map(without_comment, lines), delimiter=separator, skipinitialspace=separator == ",", strict=True
    )
    number = 0
    try:
        for fields in reader:
            require(
                reader.line_num == number + 1,
                f"{called} has a name over more than one line, up to line {reader.line_num}",
            )
            number = reader.line_num
            if any(field.strip() for field in fields):
                yield number, fields
            else:
                require(len(fields) < 2, f"{called} has a line that does not name two nodes: line {number}")
    except csv.Error as error:
        reason = f"{error}: a quotation mark that is not closed, or one inside a quoted name that is not doubled"
        raise InputError(f"{called} cannot be read at line {reader.line_num}: {reason}") from error


def _loose(lines: Iterable[str], called: str) -> Iterator[Row]:
    """Fields with blanks, a comma or a semicolon between them, and networkx's attributes in braces behind."""
    for number, whole in enumerate(lines, 1):
        line = without_comment(whole).strip()
        if not line:
            continue
        attributes = _ATTRIBUTES.search(line)
        fields, place = [], 0
        text = line[: attributes.start()] if attributes else line
        while place < len(text):
            match = _FIELD.match(text, place)
            if match is None or match.end() == place:
                raise InputError(f"{called} has a quotation mark inside a name in line {number}: {line[:60]!r}")
            quoted, plain = match.groups()
            fields.append(plain if quoted is None else quoted.replace('""', '"'))
            place = match.end()
        if attributes:
            fields += _weight_among(attributes[1], called, number)
        yield number, fields


def _weight_among(text: str, called: str, number: int) -> list[str]:
    try:
        held = ast.literal_eval(text)
        return [str(held["weight"])] if "weight" in held else []
    except (ValueError, SyntaxError, TypeError, KeyError) as error:
        raise InputError(f"{called} has attributes in line {number} that cannot be read: {text[:60]!r}") from error


def _columns(rows: Sequence[Row], called: str) -> tuple[int, int, int | None, Sequence[Row]]:
    """Which fields are the two nodes and the weight, and the lines that are edges."""
    first, below = rows[0][1], rows[1:]
    found = _named(first, below, called)
    if found is not None:
        for number, fields in below:
            if len(fields) > len(first) and any(fields[len(first) :]):
                raise InputError(f"{called} has more fields in line {number} than columns in its first line")
        return *found, below
    for number, fields in rows:
        if len(fields) > 3 and any(fields[3:]):
            raise InputError(
                f"{called} has {len(fields)} fields in line {number}, not two nodes and maybe a weight: write a first "
                "line that says which columns are source, target and weight"
            )
    apart = [mark for mark in ";\t" if all(len(fields) == 1 and mark in fields[0] for _, fields in rows)]
    require(not apart, f"{called} has {apart} between its fields: end its name in .txt, or separate them by commas")
    _not_a_header(first, below, called)
    return 0, 1, 2, rows


def _named(first: Sequence[str], below: Sequence[Row], called: str) -> tuple[int, int, int | None] | None:
    """The columns of nodes and weight if the first line names them."""
    words = [re.sub(r"[\s_]", "", field).lower() for field in first]
    pairs = [pair for pair in _PAIRS if pair[0] in words and pair[1] in words]
    weights = [place for place, word in enumerate(words) if word in _WEIGHT]
    clear = len(pairs) < 2 and len(weights) < 2 and all(words.count(word) == 1 for pair in pairs for word in pair)
    require(clear, f"{called} names the columns of nodes or weights more than once: {', '.join(first)!r}")
    weight = weights[0] if weights else None
    if pairs:
        one, other = (words.index(word) for word in pairs[0])
        if len(pairs[0][0]) == 1:
            _not_a_letter(first, (one, other), below, called)
        return one, other, weight
    # A column without a name, such as pandas writes for its index, holds no nodes.
    start = int(not words[0] and len(words) > 2 and _whole([fields[0] for _, fields in below]))
    count = len(words) - start - (weight is not None)
    if count == 2 and (weight is None or weight == len(words) - 1) and all(words[start : start + 2]):
        ends = [fields[start : start + 2] for _, fields in below]
        over_numbers = (
            bool(ends) and not _number(first[start]) and not _number(first[start + 1]) and all(map(_whole, ends))
        )
        if start or weight is not None or over_numbers:
            return start, start + 1, weight
    return None


def _not_a_letter(first: Sequence[str], places: tuple[int, int], below: Sequence[Row], called: str) -> None:
    names = {first[place].strip() for place in places}
    used = any(names & {fields[place].strip() for place in places if place < len(fields)} for _, fields in below)
    require(
        not used,
        f"{called} begins with {' and '.join(sorted(names))}, which are nodes below: if they name the columns, write "
        "source and target instead; if they are an edge, write that line above",
    )


def _not_a_header(first: Sequence[str], below: Sequence[Row], called: str) -> None:
    """A first line of two words that are no nodes of any other line may be an edge or a heading."""
    if len(first) != 2 or not below or any(map(_number, first)):
        return
    words = {field.strip() for field in first}
    if not all(words) or any(words & {field.strip() for field in fields[:2]} for _, fields in below):
        return
    raise InputError(
        f"{called} may begin with names of its columns or with an edge, {' and '.join(map(repr, first))}, which no "
        "other line names: write a first line source,target above, or instead"
    )


def _weights(rows: Sequence[Row], column: int | None, called: str, *, decimal_comma: bool = False) -> np.ndarray | None:
    given = [fields[column].strip() if column is not None and column < len(fields) else "" for _, fields in rows]
    if not any(given):
        return None
    if decimal_comma:
        given = [text.replace(",", ".") for text in given]
    values = pd.to_numeric(pd.Series(given, dtype=str), errors="coerce").to_numpy(dtype=float)
    wrong = np.flatnonzero(np.isnan(values))
    if wrong.size:
        number, text = rows[wrong[0]][0], given[wrong[0]]
        raise InputError(f"{called} has a weight in line {number} that is no number: {text[:60]!r}")
    return values


def _whole(words: Iterable[str]) -> bool:
    return all(re.fullmatch(r"\s*-?\d+\s*", word) for word in words)


def _number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
