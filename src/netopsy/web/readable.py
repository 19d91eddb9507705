"""TeX in titles and abstracts as text that can be read."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from netopsy.core.texts import plain

_ACCENTS = {
    "`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", '"': "\u0308", "=": "\u0304", ".": "\u0307",
    "u": "\u0306", "v": "\u030c", "H": "\u030b", "c": "\u0327", "k": "\u0328", "r": "\u030a", "d": "\u0323",
}  # fmt: skip
_GREEK = """
alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi omega
"""
_NAMED = {name: unicodedata.lookup(f"GREEK SMALL LETTER {name.replace('lambda', 'lamda')}") for name in _GREEK.split()}
_NAMED |= {name.capitalize(): letter.upper() for name, letter in _NAMED.items()}
_NAMED |= {
    "ell": "ℓ", "infty": "∞", "times": "×", "cdot": "·", "pm": "±", "leq": "≤", "le": "≤", "geq": "≥", "ge": "≥",
    "neq": "≠", "ne": "≠", "approx": "≈", "sim": "∼", "to": "→", "rightarrow": "→", "leftarrow": "←", "in": "∈",
    "subset": "⊂", "cup": "∪", "cap": "∩", "sum": "∑", "prod": "∏", "int": "∫", "sqrt": "√", "partial": "∂",
    "nabla": "∇", "ldots": "…", "dots": "…", "cdots": "…", "varepsilon": "ε", "varphi": "φ", "ss": "ß", "ae": "æ",
    "AE": "Æ", "oe": "œ", "OE": "Œ", "o": "ø", "O": "Ø", "l": "ł", "L": "Ł", "aa": "å", "AA": "Å", "i": "i", "j": "j",
    "log": "log", "exp": "exp", "max": "max", "min": "min", "textbackslash": "\\", "quad": " ", "forall": "∀",
    "exists": "∃", "ll": "≪", "gg": "≫", "propto": "∝", "circ": "∘", "star": "⋆", "dagger": "†", "deg": "°",
}  # fmt: skip
_LETTERS = {"R": "ℝ", "N": "ℕ", "Z": "ℤ", "Q": "ℚ", "C": "ℂ", "E": "𝔼", "P": "ℙ"}
_RAISED = str.maketrans("0123456789+-=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ")
_LOWERED = str.maketrans("0123456789+-=()", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎")

_ACCENT = re.compile(r"\\(?:([`'^~\"=.])\s*|([uvHckrd])(?=[{ \\]))\s*(?:\{\\?([A-Za-z])\}|\\?([A-Za-z]))")
_MATH = re.compile(r"(?<!\\)\$\$?([^$]+?)(?<!\\)\$\$?|\\\((.+?)\\\)")
_WRAPPED = re.compile(r"\\(?:emph|text[a-z]{0,8}|math[a-z]{1,8}|mbox|operatorname|underline|url)\s*\{([^{}]*)\}")
_BOARD = re.compile(r"\\mathbb\s*\{?([RNZQCEP])\}?")
_SCRIPT = re.compile(r"([\^_])(?:\{([^{}]*)\}|(\\[A-Za-z]+|[A-Za-z0-9*]))")
_FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_COMMAND = re.compile(r"\\([A-Za-z]+)(\s*)")


@lru_cache(maxsize=2048)
def readable(text: str) -> str:
    """``text`` with its TeX turned into letters, and without what could steer a page: controls, changes of direction.

    >>> readable(r"\\emph{Gr\\"obner} bases in $O(n^2 \\log n)$ at 5\\% of $\\mathbb{R}^{d}$")
    'Gröbner bases in O(n² log n) at 5% of ℝ^d'
    """
    text = plain(text)
    if not set(text) & {"\\", "$", "{"}:
        return text
    written, text = text, _ACCENT.sub(_accented, text)
    text = _MATH.sub(lambda found: _formula(found[1] or found[2]), text)
    for _ in range(4):  # as deep as they are put into one another
        text = _WRAPPED.sub(r"\1", text)
    text = _COMMAND.sub(_command, text.replace("---", "—").replace("``", "“"))
    text = re.sub(r"\\([%&$#_{}])|[{}]", lambda found: found[1] or "", text)
    return " ".join(text.split()) or written  # of commands alone nothing is left, and a link needs a name


def _formula(text: str) -> str:
    text = _BOARD.sub(lambda found: _LETTERS[found[1]], text)
    for _ in range(4):
        text = _WRAPPED.sub(r"\1", text)
        text = _FRACTION.sub(r"\1/\2", text)
        text = _SCRIPT.sub(_script, text)
    return text


def _script(found: re.Match[str]) -> str:
    inner = (found[2] if found[2] is not None else found[3]).strip()
    table = _RAISED if found[1] == "^" else _LOWERED
    if inner and all(ord(letter) in table for letter in inner):
        return inner.translate(table)
    return f"{found[1]}{inner}" if len(inner) <= 1 or inner.startswith("\\") else f"{found[1]}({inner})"


def _accented(found: re.Match[str]) -> str:
    letter = found[3] or found[4]
    return unicodedata.normalize("NFC", letter + _ACCENTS[found[1] or found[2]])


def _command(found: re.Match[str]) -> str:
    known = _NAMED.get(found[1])
    return found[1] + found[2] if known is None else known + found[2]
