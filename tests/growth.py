"""How a function's work grows with its input: hostile forms of text, and the check that none makes it grow fast."""

import gc
import time
from collections.abc import Callable

# The large text is this many times as long as the small one; linear work grows as much, quadratic 64 times.
TIMES = 8
# Far above what linear work comes to, far below what quadratic work does.
_MOST_GROWTH = 2.5 * TIMES
# Seconds.  Less is too little to compare; it can only let a function pass, never fail it.
_FLOOR = 0.002
_TRIES = 3

# What a text is made of, over and over: each stands for a kind.
FORMS = (
    # Marks that end or interrupt sentences, alone and in pairs.
    *("?", "!", ".", ",", ";", ":", "…", "?!", "? ", "! ", ". ", ".. ", "- ", "...", "? ! ", "。", "！", "।", "؟", "۔"),
    # Quotation marks and brackets, open, closed and in pairs.
    *('"', "'", "“", "”", "«", "»", "‘", "’", "(", ")", "((", "()", "[", "]", "[]", "{", "{}", "<", "<<", "「", "」"),
    *("「」", '?"', '"?', "?)", ".)", '."', '"“', "“\"", "?'", "(a) ", '"a" ', '." '),
    # Markup.
    *("![", "](", "![](", "[a](b) ", "![a](b)", "<a>", "<div>", "<!--", "<![CDATA[", "&amp;", "&#", "`", "**a", "# "),
    *("> ", "|", "a | b | ", "Home » ", "Home > ", "Home | "),
    # Letters, numbers, abbreviations and addresses.
    *("a", "A", "1", "a ", "A ", "1 ", "a.", "a. ", "U.S. ", "U.S.", "Mr. ", "1. ", "1.", "z. B. ", "г. ", "1975 г. "),
    *("http://", "http://a.b/ ", "a@b.c ", "@a.", "x" * 300 + " ", "x" * 300 + "?", "1,000 ", "12:30 ", "2020-01-01 "),
    *("Word. ", "Word! ", "The king of Syria ", "of the ", "A and the ", "A, B and ", "and ", "the former ", "he "),
    *("it ", "that year ", "then ", "Which of the ", "please ", "no, I mean ", "1 May ", "John's ", "a b ", "Abc "),
    # White space and line breaks.
    *(" ", "\t", "\n", "\r", "\r\n", "\xa0", "\u3000", " \n", "\n \n", "\r\r", "\n\r", "\v", "\f", "\x85", "\u2028"),
    *("a\n", "a\n\n", "a\r\n", "A line here\n", "- a\n", "1. a\n", "a: b\n", "A: B\t", "a?\n", "ab " * 25 + "\n"),
    *("word " * 60 + "\n", "x" * 99 + "\n", "Home\n", "Related\nA b c d\n", "Comments\n", "By John Smith ", "© 2020 "),
    # Characters that are not seen, combine, or turn the text around.
    *("\u200b", "\u200d", "\xad", "\u0301", "\u202e", "\ufeff", "e\u0301", "😀", "👨‍👩‍👧", "İ", "ﬁ"),
    # Other scripts.
    *("السلام ", "يا ", "中文", "中文。", "これは", "ภาษา", "กั", "한국어 ", "हिन्दी ", "Русский ", "é'"),
)  # fmt: skip


def text_of(form: str, length: int) -> str:
    """Return a text of one form, over and over."""
    return (form * (length // len(form) + 1))[:length]


def check_growth(work: Callable[[str], object], form: str, length: int) -> None:
    """Fail where a text that is TIMES as long takes far more than TIMES the processor time.

    Args:
        work: what is done with a text.
        form: what the texts are made of.
        length: code points of the small text.

    Raises:
        AssertionError: the work grows faster than the text.
    """
    small, large = text_of(form, length), text_of(form, TIMES * length)
    growth = 0.0
    for _ in range(_TRIES):
        took = _seconds(work, large)
        if took <= _MOST_GROWTH * _FLOOR:
            return
        growth = took / max(_FLOOR, min(_seconds(work, small) for _ in range(_TRIES)))
        if growth <= _MOST_GROWTH:
            return
    raise AssertionError(f"{form!r}: {TIMES} times the text took {growth:.0f} times as long")


def _seconds(work: Callable[[str], object], text: str) -> float:
    gc.disable()
    try:
        begun = time.thread_time()
        work(text)
        return time.thread_time() - begun
    finally:
        gc.enable()
