"""What a service does for a request, without HTTP."""
