"""Which model stands for what: a collection for chats, the encoder for embeddings."""

from datetime import datetime

from api.auth.callers import Caller
from api.openai.errors import MODEL_NOT_FOUND, Refusal
from api.openai.responses import ModelOut
from api.service.context import State
from index import DEFAULT_COLLECTION, Collection, NotFound, QueryError, SentenceEncoder

MODEL = "citespan"


def model_name(collection: str) -> str:
    """Return the model that answers from a collection."""
    return MODEL if collection == DEFAULT_COLLECTION else f"{MODEL}/{collection}"


def collection_of(caller: Caller, state: State, model: str) -> Collection:
    """Return the collection that a model answers from.

    Raises:
        Problem: 403 not their collection.
        Refusal: 404 no such model.
    """
    family, slash, name = model.partition("/")
    if family != MODEL or (slash and not name):
        raise unknown(model)
    wanted = name or DEFAULT_COLLECTION
    caller.check_collection(wanted)
    try:
        return state.qa.library.collection(wanted)
    except (NotFound, QueryError):
        raise unknown(model) from None


def unknown(model: str, instead: str = "GET /v1/models lists what there is") -> Refusal:
    """Return the error that a model is not there."""
    return Refusal(404, f"there is no model {model[:200]!r}: {instead}", param="model", code=MODEL_NOT_FOUND)


def chat_models(caller: Caller, state: State) -> list[ModelOut]:
    """Return the models of the collections that a caller may use, the default one first."""
    names = [name for name in state.qa.library.names() if caller.sees(name)]
    ordered = sorted(names, key=lambda name: (name != DEFAULT_COLLECTION, name))
    return [described(state.qa.library.collection(name)) for name in ordered]


def described(collection: Collection) -> ModelOut:
    """Return the model of a collection."""
    first = collection.list(limit=1).articles
    begun = int(datetime.fromisoformat(first[0].added).timestamp()) if first and first[0].added else 0
    name = "Citespan" if collection.name == DEFAULT_COLLECTION else f"Citespan: {collection.name}"
    return ModelOut(id=model_name(collection.name), created=begun, name=name)


def encoder_of(state: State) -> SentenceEncoder:
    """Return the encoder that embeds and counts tokens.

    Raises:
        Refusal: 404, the library has one of another kind.
    """
    encoder = state.qa.library.encoder
    if not isinstance(encoder, SentenceEncoder):
        raise unknown("embeddings", "this service's encoder is not offered to others")
    return encoder
