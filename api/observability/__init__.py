"""What a service says of itself: log, metrics, traces, audit lines."""
