"""Text as TeX and BibTeX take it."""

from __future__ import annotations

_TEX = {each: f"\\{each}" for each in "&%$#_"}
_TEX |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_TEX |= {"{": r"\textbraceleft{}", "}": r"\textbraceright{}"}  # a brace counts to BibTeX even after a backslash


def tex(text: str) -> str:
    """``text`` with every letter that means something to TeX written out.

    >>> tex("50 % of A_1")
    '50 \\\\% of A\\\\_1'
    """
    return "".join(_TEX.get(letter, letter) for letter in text)
