"""Standing questions: whether new articles may change an answer, and whether they did."""
