"""The frameworks must not call home from a test; both look at the environment when they are imported."""

import os

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"
os.environ["LANGSMITH_TRACING"] = "false"
