"""Passages to spans: what is read of each, and where an answer may begin and end."""
