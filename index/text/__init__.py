"""Text by itself: characters, languages, words, sentences, passages."""
