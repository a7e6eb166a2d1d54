"""Spans to answers: merged, ranked, gathered into lists, with a fitted confidence."""
