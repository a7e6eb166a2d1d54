"""The tables of a collection's database, each with all that is said to it."""
