"""Standing questions of one collection: asked once, and asked again when articles that came or went touch them."""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from index import Candidate, Collection, Filters, Mark, match_terms
from qa.question_answering import QuestionAnswering
from qa.types import Answer
from qa.watches.answer_changes import Judgement, Since, Standing, judge
from qa.watches.score_bounds import ReadPassage, least_similarity, same_reading

# Candidates that are read for a standing question at most, as for any other.
PASSAGES = 10
# Distinct answers that are looked through for one that contradicts.
_ANSWERS = 5

Check = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Watched:
    """What is known of a standing question's answer.

    Attributes:
        standing: the answer that was told last, None where there is none.
        read: the candidates when it was last asked.
        told: the moment at which that was told.
    """

    standing: Standing | None
    read: tuple[ReadPassage, ...]
    told: Mark


@dataclass(frozen=True, slots=True)
class Asked:
    """What asking a standing question again came to.

    Attributes:
        watched: what is known from now on.
        judgement: what has become of its answer.
        answer: the whole answer.
    """

    watched: Watched
    judgement: Judgement
    answer: Answer


@dataclass(frozen=True, slots=True)
class StandingQuestion:
    """A question that is asked of a collection again and again.

    Attributes:
        question: 1 to MAX_QUESTION_CHARACTERS characters once trimmed.
        filters: which articles are searched.
        vector: of the question, float32 (dimension,).
    """

    question: str
    filters: Filters
    vector: npt.NDArray[np.float32]


def first_asked(
    qa: QuestionAnswering, collection: str, question: str, filters: Filters, check: Check = lambda: None
) -> tuple[Watched, Answer]:
    """Ask a standing question for the first time.

    Args:
        qa: answers it.
        collection: where.
        question: what is asked.
        filters: which articles are searched.
        check: called before each few passages that are read; what it raises ends the work.

    Raises:
        CollectionNotFound: no such collection.
        QueryError: a question or filter that cannot be.
    """
    told = mark_of(qa.library.collection(collection))  # before it is asked: what comes in between is news
    answer = _ask(qa, collection, question, filters, check)
    standing = Standing.of(answer.answers[0]) if answer.answered else None
    return Watched(standing, _read(answer.candidates), told), answer


def touched_by_search(collection: Collection, one: StandingQuestion, watched: Watched) -> bool:
    """Return whether a question has other candidates than when it was last asked; nothing is read."""
    found = collection.search(one.question, limit=PASSAGES, filters=one.filters, vector=one.vector)
    return not same_reading(watched.read, found)


def asked_again(
    qa: QuestionAnswering, collection: str, one: StandingQuestion, watched: Watched, check: Check = lambda: None
) -> Asked:
    """Ask a standing question again and say what has become of its answer.

    Args:
        qa: answers it.
        collection: where.
        one: what is asked.
        watched: what was known.
        check: called before each few passages that are read; what it raises ends the work.

    Raises:
        CollectionNotFound: no such collection.
    """
    searched = qa.library.collection(collection)
    now = mark_of(searched)
    answer = _ask(qa, collection, one.question, one.filters, check)
    since = _since(searched, watched, answer)

    def alone(but: Container[str]) -> Answer | None:
        check()
        # Reading stops once an answer is good enough, so one that contradicts it may not have been read.
        ids = {article_id for article_id in since.fresh if article_id not in but}
        fresh = [candidate for candidate in answer.candidates if candidate.article.id in ids]
        return qa.ask_of(one.question, fresh, limit=_ANSWERS) if fresh else None

    judgement = judge(watched.standing, answer, since, qa.threshold, alone)
    standing = watched.standing
    told = watched.told if judgement.kind is None else now
    if judgement.kind == "contradicted" and standing is not None and judgement.told is not None:
        standing = standing.contradicted_by(judgement.told)
        # Of the articles that came since, others may say yet something else.
        told = watched.told
    elif judgement.kind is not None:
        standing = None if judgement.told is None else Standing.of(judgement.told)
    if judgement.found is not None and standing is not None:
        standing = standing.found_again(judgement.found)
    return Asked(Watched(standing, _read(answer.candidates), told), judgement, answer)


def mark_of(collection: Collection) -> Mark:
    """Return the moment that a collection is at."""
    with collection.store.read(brief=True) as view:
        return view.news.mark()


def touched_by_news(
    collection: Collection, questions: Sequence[tuple[StandingQuestion, Watched]], since: Mark
) -> list[int]:
    """Return which questions' candidates may be others than at a mark, by what has come and gone; no search is made.

    Args:
        collection: that all of them are asked of.
        questions: with what is known of each.
        since: when each of them was last searched for or found to be untouched.
    """
    with collection.store.read() as view:
        news = view.news
        if not questions or news.mark().generation == since.generation:
            return []
        touched = set()
        terms = view.languages()
        vectors = np.stack([one.vector for one, _ in questions], axis=1)
        matching = [news.matching(match_terms(one.question, terms), since) for one, _ in questions]
        known = [watched.read for _, watched in questions]
        bounds = [least_similarity(read, PASSAGES, len(ids)) for read, ids in zip(known, matching, strict=True)]
        least = np.array(bounds, np.float32)
        allowed = [view.allowed(one.filters, after=since.passages) for one, _ in questions]
        for ids, rows in news.vectors(since):
            cosines = rows @ vectors
            for number in np.flatnonzero((cosines >= least.min(axis=1)).any(axis=0)).tolist():
                inside = allowed[number]
                word = np.isin(ids, matching[number])
                near = cosines[:, number] >= np.where(word, least[number, 1], least[number, 0])
                if inside is not None:
                    near &= np.isin(ids, inside)
                if near.any():
                    touched.add(number)
        for number, (_, watched) in enumerate(questions):
            if number not in touched and news.changed((one.article_id for one in watched.read), since):
                touched.add(number)
        return sorted(touched)


def _ask(qa: QuestionAnswering, collection: str, question: str, filters: Filters, check: Check) -> Answer:
    steps = qa.steps(
        question,
        collection=collection,
        limit=_ANSWERS,
        passages=PASSAGES,
        filters=filters,
        check=check,
        improving=False,
    )
    return [step for step in steps if isinstance(step, Answer)][-1]


def _since(collection: Collection, watched: Watched, answer: Answer) -> Since:
    places = watched.standing.places if watched.standing is not None else ()
    read = {(one.article_id, one.sha256) for one in watched.read}
    with collection.store.read() as view:
        fresh = view.news.fresh((candidate.article.id for candidate in answer.candidates), watched.told)
        there = view.news.standing({place.version for place in places} | read)
    return Since(fresh, there, bool(read - there))


def _read(candidates: Sequence[Candidate]) -> tuple[ReadPassage, ...]:
    return tuple(ReadPassage.of(candidate) for candidate in candidates)
