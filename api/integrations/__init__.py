"""Citespan inside other frameworks, each an extra: ``pip install 'citespan[langchain]'``, ``'citespan[haystack]'``."""
