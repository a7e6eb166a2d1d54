"""What is wrong inside the databases, layer by layer."""
