"""A library's folder as files: which collections it holds, its lock, files that are whole or not there."""
