"""Every way in: HTTP, command line, chat page.  The door of the interface."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from api.cli.main import main
    from api.http.app import create_app

__all__ = ["create_app", "main"]


def __getattr__(name: str) -> Any:
    """Load what is asked for only then: the command line must not pay for the web framework."""
    if name == "create_app":
        from api.http.app import create_app

        return create_app
    if name == "main":
        from api.cli.main import main

        return main
    raise AttributeError(f"module 'api' has no attribute {name!r}")
