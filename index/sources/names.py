"""A file's name → the id of its article."""

import hashlib
import re


def id_of_name(name: str, place: str) -> str:
    """Return an article id that a person recognises the file by.

    Args:
        name: the file's name, without folder and suffix.
        place: what tells it from others of the same name, such as its whole path; the same gives the same id.
    """
    slug = re.sub(r"[^\w]+", "-", name.lower()).strip("-_")[:60] or "file"
    return f"{slug}-{hashlib.sha256(place.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"
