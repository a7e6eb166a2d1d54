"""How much processor time an article may take to be prepared."""

from time import thread_time

from index.errors import ArticleTooSlow

# Ordinary prose of the greatest length that an article may have takes about 3 s, the worst forms of text 15 s.
ARTICLE_SECONDS = 30.0


class Budget:
    """Processor time of the thread that makes it, counted from then on.

    A thread cannot be interrupted from outside: the work calls check() itself, between pieces of bounded size.

    Args:
        seconds: that may be spent.
    """

    def __init__(self, seconds: float = ARTICLE_SECONDS) -> None:
        self._seconds = seconds
        self._end = thread_time() + seconds

    def check(self) -> None:
        """Go on while there is time left.

        Raises:
            ArticleTooSlow: it is used up.
        """
        if thread_time() > self._end:
            raise ArticleTooSlow(
                f"it could not be cleaned and cut into passages within {self._seconds:g} seconds of processor time: "
                "cut it into parts, or raise CITESPAN_ARTICLE_SECONDS",
                field="text",
            )
