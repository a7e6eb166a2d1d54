"""The HTTP interface: the application, its server and its routes."""
