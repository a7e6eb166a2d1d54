"""What several formats share: markup, PDF layout, ZIP archives."""
