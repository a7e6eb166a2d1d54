"""Every route of the application, with the scope that it wants."""

import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fastapi.routing import APIRoute

from api.auth.callers import Scope
from api.http.app import create_app
from api.http.middleware.authentication import is_open
from api.http.request_context import Scoped
from api.settings import Settings
from qa import QuestionAnswering


@dataclass(frozen=True)
class Route:
    """One method of one address; names in its path are filled in."""

    method: str
    template: str
    scope: Scope | None
    open: bool
    operation: str | None = None

    @property
    def path(self) -> str:
        return re.sub(r"\{[^}]*\}", "job_none", self.template)

    def __str__(self) -> str:
        return f"{self.method} {self.template}"


def routes() -> list[Route]:
    """All of them, found in the application itself."""
    with tempfile.TemporaryDirectory() as folder, QuestionAnswering.open(folder) as qa:
        app = create_app(qa, Settings())
        return sorted(set(_walked(app.routes, ())), key=lambda route: (route.template, route.method))


def _walked(found: Iterable[Any], above: tuple[Any, ...]) -> Iterator[Route]:
    for route in found:
        if isinstance(route, APIRoute):
            wanted = [one.dependency for one in (*above, *route.dependencies)]
            scopes = [one.scope for one in wanted if isinstance(one, Scoped)]
            scope = max(scopes, key=list(Scope).index, default=None)
            for method in route.methods:
                yield Route(method, route.path, scope, is_open(route.path), route.operation_id)
        elif hasattr(route, "original_router"):  # FastAPI keeps a router that was included whole
            yield from _walked(route.original_router.routes, (*above, *route.include_context.dependencies))
