"""Passages found by words and by vectors."""
