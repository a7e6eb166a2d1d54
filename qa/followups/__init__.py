"""Questions that lean on those before them, turned into questions that stand alone."""
