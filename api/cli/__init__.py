"""The citespan command."""
