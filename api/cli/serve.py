"""citespan serve."""

from typing import Annotated

import typer

from api.cli.app import Library, Stop, app
from api.cli.library import settings


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; 0 takes a free one.", show_default="8000")
    ] = None,
    library: Library = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Listen on an address that others can reach, without a key.")
    ] = False,
) -> None:
    """Serve the chat page and the HTTP interface."""
    from api.http.server import run

    raise Stop(run(settings(library, host=host, port=port, insecure=insecure or None)))
