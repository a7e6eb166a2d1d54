"""Threads and queues: who waits, who works, who is waited for."""
