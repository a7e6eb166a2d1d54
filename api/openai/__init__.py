"""The shapes of OpenAI's API, for programs that speak it: what comes in, what goes out, and how errors look."""
