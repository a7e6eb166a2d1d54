"""Training data → the examples of a recipe's mixture, those made of others, and all of them as token ids."""

import random
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from training.held_out import is_held_out
from training.jsonl import read_lines
from training.leaks import Known
from training.windows import Windows

# What may stand between the members of a list for the whole of it to be one answer.
_BETWEEN = re.compile(r"[\s,;/&]*(?:,?\s*(?:and|or|as well as|nor)\b)?[\s,;/&]*(?:the|a|an)?\s*", re.IGNORECASE)
MAX_ANSWER_TOKENS = 40


def examples(
    folder: Path, mixture: dict[str, int], known: Known, dice: random.Random, held_out: float = 0.0
) -> list[dict[str, Any]]:
    """Return the mixture, each file cut to its cap by chance; several spans become one where the text has it so.

    Args:
        folder: of the training data.
        mixture: how many examples of each file at most.
        known: what must not be learnt from.
        dice: decides.
        held_out: the share of the passages (0..1) that is left out, for development.
    """
    chosen = []
    for name, cap in mixture.items():
        rows = known.without(
            row
            for row in read_lines(folder / f"{name}.jsonl.gz")
            if row["question"].strip() and not is_held_out(row["context"], held_out)
        )
        dice.shuffle(rows)
        for row in rows[:cap]:
            answers = row["answers"]
            if row.get("multi") and len(answers) > 1:
                joined = contiguous(row["context"], answers)
                answers = [joined] if joined else answers
            chosen.append({**row, "src": name, "answers": answers})
    return chosen


def repeated(chosen: Sequence[dict[str, Any]], copies: int) -> list[dict[str, Any]]:
    """Return the examples whose answer is several spans so many times more; each copy is cut at a place of its own."""
    return [row for row in chosen if row.get("multi") and len(row["answers"]) > 1 for _ in range(copies)]


def contiguous(text: str, answers: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the one span that a list of spans makes, None where other text stands between them."""
    ordered = sorted(answers, key=lambda answer: answer["start"])
    for one, two in pairwise(ordered):
        end = one["start"] + len(one["text"])
        if end > two["start"] or not _BETWEEN.fullmatch(text[end : two["start"]]):
            return None
    start, end = ordered[0]["start"], ordered[-1]["start"] + len(ordered[-1]["text"])
    return {"text": text[start:end], "start": start}


def negatives(chosen: Sequence[dict[str, Any]], settings: dict[str, Any], dice: random.Random) -> list[dict[str, Any]]:
    """Return one passage without the answer for a share of the questions: what word search brings up for them."""
    asked = list(_drawn(chosen, settings, dice))
    texts = sorted({row["context"] for row in chosen if row["src"] in settings["from"]})
    words = TfidfVectorizer(sublinear_tf=True, stop_words="english", max_df=0.1)
    passages = words.fit_transform(texts).T.tocsc()
    found = []
    for first in range(0, len(asked), 500):
        some = asked[first : first + 500]
        scores = (words.transform([row["question"] for row in some]) @ passages).tocsr()
        for place, row in enumerate(some):
            near = scores.getrow(place)
            hits = near.indices[np.argsort(-near.data, kind="stable")[: settings["first"]]]
            answers = [answer["text"].lower() for answer in row["answers"]]
            others = [
                texts[hit]
                for hit in hits
                if texts[hit] != row["context"] and not any(answer in texts[hit].lower() for answer in answers)
            ]
            if others:
                # The nearer ones more often: those are what a reader will really meet.
                other = others[min(int(dice.expovariate(0.5)), len(others) - 1)]
                found.append({**row, "context": other, "answers": [], "impossible": True})
    return found


# What a text names: capitalised words in mid-sentence, or a number.
_NAME = re.compile(r"(?<=[a-z] )[A-Z][\w-]*[a-z][\w-]*(?: (?:of |the |de )?[A-Z][\w-]+)*|\b\d[\d,.]*\d\b")
_KINDS = (re.compile(r"1[0-9]{3}|20[0-2][0-9]"), re.compile(r"\d[\d,.]*\d"), re.compile(r"\D.*"))


def swapped(chosen: Sequence[dict[str, Any]], settings: dict[str, Any], dice: random.Random) -> list[dict[str, Any]]:
    """Return questions turned unanswerable: one name or number of theirs gives way to another of the passage.

    One of the ways in which people made SQuAD 2.0's unanswerable questions (Rajpurkar et al. 2018,
    arXiv:1806.03822, "entity swap").
    """
    found = []
    for row in _drawn(chosen, settings, dice):
        asked = list(_NAME.finditer(row["question"]))
        if not asked:
            continue
        taken = dice.choice(asked)
        known = {match.group().lower() for match in asked} | {answer["text"].lower() for answer in row["answers"]}
        others = sorted(
            {
                match.group()
                for match in _NAME.finditer(row["context"])
                if _kind(match.group()) == _kind(taken.group())
                and not any(match.group().lower() in one or one in match.group().lower() for one in known)
            }
        )
        if others:
            found.append(_turned(row, taken, dice.choice(others)))
    return found


# Words that a question turns on, with the word that makes it ask for the contrary.
_PAIRS = """
before after; first last; earliest latest; most least; largest smallest; highest lowest; biggest smallest
longest shortest; best worst; oldest youngest; more fewer; larger smaller; higher lower; greater lesser
longer shorter; better worse; older newer; major minor; increase decrease; increased decreased; increases decreases
rise fall; rose fell; won lost; win lose; winner loser; began ended; begin end; start end; started ended; opened closed
open close; north south; northern southern; east west; eastern western; positive negative; advantage disadvantage
strength weakness; accepted rejected; allowed forbidden; approved rejected; supported opposed; support oppose
agreed disagreed; included excluded; include exclude; joined left; created destroyed; built demolished; always never
inside outside; above below; public private; male female; men women; internal external; legal illegal; common rare
early late; ancient modern; able unable; successful unsuccessful; gain lose; gained lost; maximum minimum; upper lower
rich poor; strong weak; fast slow; hot cold; heavy light
"""
_OPPOSITE = {
    one: two for pair in re.split(r"[;\n]", _PAIRS.strip()) for one, two in (pair.split(), reversed(pair.split()))
}
_WORD = re.compile(r"\b[a-z]+\b")


def opposed(chosen: Sequence[dict[str, Any]], settings: dict[str, Any], dice: random.Random) -> list[dict[str, Any]]:
    """Return questions turned unanswerable: one word of theirs gives way to its opposite.

    Another of the ways in which people made SQuAD 2.0's unanswerable questions ("antonym").
    """
    found = []
    for row in _drawn(chosen, settings, dice):
        # What the passage says too, it may well answer.
        said = set(_WORD.findall(row["context"].lower()))
        turned = [
            match
            for match in _WORD.finditer(row["question"])
            if match.group() in said and match.group() in _OPPOSITE and _OPPOSITE[match.group()] not in said
        ]
        if turned:
            taken = dice.choice(turned)
            found.append(_turned(row, taken, _OPPOSITE[taken.group()]))
    return found


def _drawn(chosen: Sequence[dict[str, Any]], settings: dict[str, Any], dice: random.Random) -> Iterator[dict[str, Any]]:
    """A share of the answerable questions of the files that are named."""
    for row in chosen:
        if row["src"] in settings["from"] and row["answers"] and dice.random() < settings["share"]:
            yield row


def _turned(row: dict[str, Any], taken: re.Match[str], word: str) -> dict[str, Any]:
    """A question with one stretch of it changed for a word that leaves it without an answer."""
    question = row["question"][: taken.start()] + word + row["question"][taken.end() :]
    return {**row, "question": question, "answers": [], "impossible": True}


def _kind(name: str) -> int:
    return next(place for place, pattern in enumerate(_KINDS) if pattern.fullmatch(name))


def tokenize(rows: Sequence[dict[str, Any]], tokenizer: Any, longest: int) -> Windows:
    """Return one example per row: the question's first 64 tokens, and of the passage at most so many around an answer.

    Args:
        rows: the examples; those whose answers no tokens stand for, or too many, are left out.
        tokenizer: of the base encoder.
        longest: tokens of a passage that are kept.
    """
    ids: list[np.ndarray] = []
    split: list[int] = []
    spans: list[tuple[int, int, int]] = []
    lists: list[bool] = []
    keeps: list[tuple[int, int]] = []
    # Those of one passage together: a file of them is a quarter as large.
    rows = sorted(rows, key=lambda row: str(row["context"]))
    for first in range(0, len(rows), 1_000):
        some = rows[first : first + 1_000]
        asked = tokenizer([row["question"] for row in some], add_special_tokens=False)["input_ids"]
        texts = tokenizer([row["context"] for row in some], add_special_tokens=False, return_offsets_mapping=True)
        for row, head, body, offsets in zip(some, asked, texts["input_ids"], texts["offset_mapping"], strict=True):
            golds = list(_gold_tokens(row["answers"], offsets))
            if row["answers"] and not golds:
                continue
            head = head[:64]
            keep = _tokens(*row["keep"], offsets) if row.get("keep") else None
            centre = golds[0] if golds else keep
            start = max(0, min(centre[0] - longest // 2, len(body) - longest)) if centre else 0
            piece = body[start : start + longest]
            shift = len(head) + 2 - start
            kept = [(low, high) for low, high in golds if low >= start and high < start + len(piece)]
            spans.extend((len(split), low + shift, high + shift) for low, high in kept)
            ids.append(
                np.array([tokenizer.cls_token_id, *head, tokenizer.sep_token_id, *piece, tokenizer.sep_token_id])
            )
            split.append(len(head) + 2)
            lists.append(bool(row.get("multi")) and len(kept) > 1)
            whole = keep is not None and keep[0] >= start and keep[1] < start + len(piece)
            keeps.append((keep[0] + shift, keep[1] + shift) if keep and whole else (-1, -1))
    return Windows(
        ids=np.concatenate(ids).astype(np.uint16),
        bounds=np.r_[0, np.cumsum([len(one) for one in ids])].astype(np.int64),
        split=np.array(split, np.int32),
        spans=np.array(spans, np.int32).reshape(-1, 3),
        lists=np.array(lists, bool),
        keeps=np.array(keeps, np.int32).reshape(-1, 2),
    )


def _tokens(start: int, end: int, offsets: Sequence[tuple[int, int]]) -> tuple[int, int] | None:
    """First and last token of some characters; None where no token stands for them."""
    first = bisect_right(offsets, start, key=lambda offset: offset[1])
    last = bisect_left(offsets, end, key=lambda offset: offset[0]) - 1
    return (first, last) if 0 <= first <= last < len(offsets) else None


def _gold_tokens(answers: Sequence[dict[str, Any]], offsets: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    for answer in answers:
        span = _tokens(answer["start"], answer["start"] + len(answer["text"]), offsets)
        if span and span[1] - span[0] < MAX_ANSWER_TOKENS:
            yield span
