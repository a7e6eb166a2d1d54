"""Texts as cells of a table that spreadsheets open: none is taken for a formula, and every text can be had back.

A spreadsheet takes a cell for a formula by its first visible character, and not all agree on what is visible or on
which widths of ``=`` count (OWASP, CSV Injection).  So what comes before that character is looked through, and its
compatibility form decides.  A cell that might be a formula is written with an apostrophe before it.
"""

import re
import unicodedata

_GUARD = "'"
_FORMULA = frozenset("=+-@\N{MINUS SIGN}")
# At the beginning of a cell these can move what follows into a cell of its own.
_SEPARATORS = frozenset("\t\r\n")
_QUOTES = frozenset("'\"`\u00b4\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u02bc\uff02\uff07\uff40")
# Of no category that says so, and yet without ink.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_INVISIBLE = frozenset(("Cc", "Cf", "Cn", "Co", "Cs", "Me", "Mn", "Zl", "Zp", "Zs"))
_NUMBER = re.compile(r"[+-]?\d[\d.,]*")


def guard(text: str) -> str:
    """Return the cell that stands for a text: the text itself, or with an apostrophe before it.

    A plain number with a sign stays as it is.
    """
    return _GUARD + text if _may_be_formula(text) else text


def unguard(cell: str) -> str:
    """Return the text that a cell from guard() stands for."""
    text = cell.removeprefix(_GUARD)
    return text if _may_be_formula(text) else cell


def _may_be_formula(text: str) -> bool:
    for offset, character in enumerate(text):
        if character in _SEPARATORS:
            return True
        if character in _QUOTES or character in _BLANK or unicodedata.category(character) in _INVISIBLE:
            continue
        formula = unicodedata.normalize("NFKC", character)[0] in _FORMULA
        return formula and _NUMBER.fullmatch(text, offset) is None
    return False
