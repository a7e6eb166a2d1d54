"""How question answering is set up: models, machine, thresholds, limits."""

from dataclasses import dataclass, field

from index import ARTICLE_SECONDS, Limits, Machine, SentenceEncoder
from qa.reading.reader import Reader


@dataclass(frozen=True, slots=True)
class Options:
    """How a QuestionAnswering is made.

    Attributes:
        reader: a local folder or hub name of an extractive model; None takes the shipped one.
        encoder: a local folder or hub name of a sentence-transformers model; None takes the shipped one.
        runtime: ``auto``, ``openvino`` or ``torch``.
        device: ``auto``, ``cpu``, ``cuda`` ...
        precision: ``auto``, ``float32`` or ``bfloat16``.
        threads: for one forward pass; 0 leaves it to the runtime.
        threshold: confidence below which no answer is given; None takes the fitted one.
        thorough: read every candidate, also those that are not likely to hold a better answer.
        article_seconds: processor time that one article may take before it is embedded; one that takes more is
            refused.
        limits: how many collections there may be, and how many are open at a time.
    """

    reader: str | None = None
    encoder: str | None = None
    runtime: str = "auto"
    device: str = "auto"
    precision: str = "auto"
    threads: int = 0
    threshold: float | None = None
    thorough: bool = False
    article_seconds: float = ARTICLE_SECONDS
    limits: Limits = field(default_factory=Limits)

    @property
    def machine(self) -> Machine:
        """How both models are run."""
        return Machine(self.runtime, self.device, self.precision, self.threads)

    def networks(self) -> tuple[SentenceEncoder, Reader]:
        """Return both models, to be loaded at first use."""
        return SentenceEncoder(self.encoder, self.machine), Reader(self.reader, self.machine)
