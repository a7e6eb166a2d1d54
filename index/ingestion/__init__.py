"""Articles on their way in: cut into passages and embedded, by themselves or in jobs."""
