"""One module a format: whether bytes are of it, and how they become articles.

A module here that has a ``FORMAT`` is found by itself: to add a format is to add its file.
"""

import importlib
import pkgutil
from functools import cache

from index.sources.formats.base import Format, Given, Sure

__all__ = ["Format", "Given", "Sure", "all_formats", "choose_format"]


@cache
def all_formats() -> tuple[Format, ...]:
    """Return every format that has a module in this folder, by name."""
    modules = (importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    found = (getattr(module, "FORMAT", None) for module in modules)
    return tuple(sorted((one for one in found if one is not None), key=lambda one: one.name))


def choose_format(given: Given) -> Format:
    """Return the format of some bytes: by their content, then by the type that was declared, then by the name's end."""

    def claim(one: Format) -> tuple[Sure, bool, bool, bool]:
        named = given.content_type in one.content_types
        return one.recognises(given), named, one.has_suffix(given.name), one.fallback

    return max(all_formats(), key=claim)
