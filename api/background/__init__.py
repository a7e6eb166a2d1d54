"""What a service does by itself: jobs, feeds, standing questions, webhooks."""
