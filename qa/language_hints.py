"""What a reply says beside its answer: that the models in use cannot read the question's language.  Pure."""

from collections.abc import Sequence

from index import ModelCard, question_language
from qa.types import Hint

_NAMES = {
    "ar": "Arabic",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "fa": "Persian",
    "fr": "French",
    "he": "Hebrew",
    "hi": "Hindi",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "pt": "Portuguese",
    "ru": "Russian",
    "th": "Thai",
    "uk": "Ukrainian",
    "ur": "Urdu",
    "zh": "Chinese",
}


def hints(question: str, models: Sequence[ModelCard]) -> tuple[Hint, ...]:
    """Return what whoever asks should know: most often nothing.

    Args:
        question: what is asked.
        models: those in use; of one that does not say which language it reads nothing is assumed.
    """
    english = [card.role for card in models if card.language == "en"]
    language = question_language(question) if english else None
    if language is None:
        return ()
    seems = f"seems to be in {_NAMES[language]}" if language in _NAMES else "seems not to be in English"
    reads = "the models in use read English" if len(english) > 1 else f"the {english[0]} in use reads English"
    settings = ", ".join(f"CITESPAN_{role.upper()}" for role in english)
    other = f"Ask in English, or configure a multilingual {' and '.join(english)} ({settings})."
    return (Hint("language", f"The question {seems}; {reads}. {other}"),)
