"""Ways to run a network; each is one file, and index/inference.py chooses."""
