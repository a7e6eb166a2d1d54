"""Requests and replies as they are on the wire."""
