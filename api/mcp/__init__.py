"""Tools for assistants, over the Model Context Protocol: ask, search, read, verify, and if wanted add and remove."""
