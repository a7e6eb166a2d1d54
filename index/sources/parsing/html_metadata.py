"""What a web page says about its article in JSON-LD, OpenGraph, meta and time elements; runs in the subprocess.

Facts come as (field, value, place), the most reliable place first; nothing is checked here.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

Fact = tuple[str, Any, str]

_ARTICLE_TYPES = frozenset(
    [
        "article",
        "newsarticle",
        "blogposting",
        "reportagenewsarticle",
        "analysisnewsarticle",
        "opinionnewsarticle",
        "askpublicnewsarticle",
        "backgroundnewsarticle",
        "reviewnewsarticle",
        "advertisercontentarticle",
        "satiricalarticle",
        "scholarlyarticle",
        "techarticle",
        "medicalscholarlyarticle",
        "report",
        "socialmediaposting",
        "liveblogposting",
        "apireference",
    ]
)
_MOST_NODES = 5_000
# Field → names of <meta>, the most telling first.
_OPENGRAPH = {
    "title": ("og:title",),
    "source": ("og:site_name",),
    "author": ("article:author", "og:article:author", "book:author"),
    "published": ("article:published_time", "og:article:published_time", "og:published_time", "book:release_date"),
    "updated": ("article:modified_time", "og:article:modified_time", "og:updated_time"),
    "language": ("og:locale",),
}
_META = {
    "title": ("citation_title", "dc.title", "dcterms.title", "parsely-title", "sailthru.title", "twitter:title"),
    "source": ("citation_journal_title", "dc.publisher", "dcterms.publisher", "application-name", "publisher"),
    "author": ("citation_author", "dc.creator", "dcterms.creator", "author", "byl", "parsely-author"),
    "published": (
        "citation_publication_date", "citation_date", "dcterms.issued", "dc.date.issued", "dcterms.created",
        "dc.date.created", "datepublished", "pubdate", "publishdate", "publish-date", "publish_date", "pub_date",
        "publication_date", "parsely-pub-date", "sailthru.date", "article.published", "dc.date", "dcterms.date", "date",
    ),
    "updated": ("dcterms.modified", "dc.date.modified", "datemodified", "last-modified", "lastmod", "article.updated"),
    "language": ("dc.language", "dcterms.language", "citation_language", "language", "content-language"),
}  # fmt: skip
_SIDE = "ancestor::nav or ancestor::aside or ancestor::footer or ancestor::*[contains(@class, 'comment')]"


def page_facts(root: Any) -> Iterator[Fact]:
    """Yield what a page says of its article.

    Args:
        root: lxml's root element of the page.
    """
    address = _first(root.xpath("//link[@rel='canonical']/@href")) or _first(
        root.xpath("//meta[@property='og:url']/@content")
    )
    if address:
        yield "url", address, "canonical"
    yield from _json_ld(root, address or "")
    metas = _metas(root)
    for names, place in ((_OPENGRAPH, "opengraph"), (_META, "meta")):
        for field, keys in names.items():
            for key in keys:
                values = [value for value in metas.get(key, ()) if field != "author" or "://" not in value]
                if values:
                    yield field, values if field == "author" else values[0], place
    yield from _times(root)
    language = _first(root.xpath("//html/@lang")) or _first(root.xpath("//html/@*[local-name()='lang']"))
    if language:
        yield "language", language, "html"


def _metas(root: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for meta in root.iter("meta"):
        name = meta.get("property") or meta.get("name") or meta.get("itemprop") or meta.get("http-equiv") or ""
        value = " ".join((meta.get("content") or "").split())
        if name and value:
            found.setdefault(name.strip().lower(), []).append(value)
    return found


def _times(root: Any) -> Iterator[Fact]:
    """Times marked as the article's, else the one day that all times of the article agree on."""
    marked = {
        "published": "@itemprop='datePublished' or @pubdate or contains(@class, 'publish') "
        "or contains(@class, 'entry-date')",
        "updated": "@itemprop='dateModified' or contains(@class, 'updated') or contains(@class, 'modified')",
    }
    for field, test in marked.items():
        # A class "entry-date published updated" marks both: its time is that of publication.
        other = f"not({marked['published']}) and " if field == "updated" else ""
        value = _first(root.xpath(f"//time[@datetime][{other}({test})][not({_SIDE})]/@datetime"))
        value = value or _first(root.xpath(f"//*[self::span or self::abbr][@datetime or @content][{test}]/@content"))
        if value:
            yield field, value, "time"
    inside = "//article//time[@datetime]" if root.xpath("boolean(//article)") else "//time[@datetime]"
    values = root.xpath(f"{inside}[not({_SIDE})][not({marked['updated']})]/@datetime")
    if values and len({str(value)[:10] for value in values}) == 1:
        yield "published", str(values[0]), "time"


def _json_ld(root: Any, address: str) -> Iterator[Fact]:
    nodes: list[dict[str, Any]] = []
    for script in root.iter("script"):
        if "ld+json" in (script.get("type") or "").lower():
            _collect(_loads(script.text or ""), nodes)
    by_id = {node["@id"]: node for node in nodes if isinstance(node.get("@id"), str) and len(node) > 1}
    articles = [node for node in nodes if _types(node) & _ARTICLE_TYPES]
    # A page that lists other articles describes them too: its own is the one with its address.
    own = [node for node in articles if address and address in _addresses(node)]
    if not own and len(articles) > 1 and len({_text(node.get("headline")) for node in articles}) > 1:
        return
    for node in own or articles[:1]:
        yield "title", _text(node.get("headline")) or _text(node.get("name")), "json-ld"
        yield "author", _names(node.get("author") or node.get("creator"), by_id), "json-ld"
        yield "published", _text(node.get("datePublished")), "json-ld"
        yield "updated", _text(node.get("dateModified")), "json-ld"
        yield "source", _first(_names(node.get("publisher"), by_id)), "json-ld"
        yield "language", _text(node.get("inLanguage")), "json-ld"


def _loads(text: str) -> Any:
    text = re.sub(r"^\s*(?:<!--|//\s*<!\[CDATA\[|<!\[CDATA\[)|(?:-->|//\s*\]\]>|\]\]>)\s*$", "", text.strip())
    try:
        return json.loads(text.rstrip("; \n"), strict=False)
    except (ValueError, RecursionError):
        return None


def _collect(value: Any, nodes: list[dict[str, Any]]) -> None:
    """Gather the objects of a graph, those within lists and @graph and as main entity of others too."""
    pending = [value]
    while pending and len(nodes) < _MOST_NODES:
        one = pending.pop(0)
        if isinstance(one, list):
            pending.extend(one[:_MOST_NODES])
        elif isinstance(one, dict):
            nodes.append(one)
            pending.extend(one[key] for key in ("@graph", "mainEntity", "author", "publisher") if key in one)


def _types(node: dict[str, Any]) -> set[str]:
    kinds = node.get("@type")
    return {str(kind).rpartition("/")[2].lower() for kind in (kinds if isinstance(kinds, list) else [kinds])}


def _addresses(node: dict[str, Any]) -> set[str]:
    page = node.get("mainEntityOfPage")
    page = (page.get("@id") or page.get("url")) if isinstance(page, dict) else page
    return {str(value).partition("#")[0] for value in (node.get("url"), node.get("@id"), page) if value}


def _names(value: Any, by_id: dict[str, dict[str, Any]]) -> list[str]:
    """Names of people or bodies, given as strings, as objects, or as references to objects elsewhere on the page."""
    found: list[str] = []
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict):
            one = by_id.get(str(one.get("@id")), one) if "name" not in one else one
            one = one.get("name")
        found.extend(_text(name) or "" for name in (one if isinstance(one, list) else [one]))
    return [name for name in found if name]


def _text(value: Any) -> str | None:
    from html import unescape

    value = _first(value) if isinstance(value, list) else value
    if isinstance(value, dict):
        value = value.get("alternateName") or value.get("@value") or value.get("name")
    return " ".join(unescape(value).split()) if isinstance(value, str) and value.strip() else None


def _first(values: Any) -> Any:
    return values[0] if values else None
