"""citespan mcp."""

import signal

from api.cli.app import Library, app
from api.cli.library import settings


@app.command()
def mcp(library: Library = None) -> None:
    """Serve an assistant that starts this command: the Model Context Protocol on standard input and output."""
    # Reading standard input cannot be interrupted; nothing is lost by ending at once.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from api.mcp.stdio_transport import serve_pipes

    serve_pipes(settings(library))
