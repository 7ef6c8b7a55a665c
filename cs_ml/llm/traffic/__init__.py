"""What is let through to an endpoint: not more than it can bear, nothing while it is broken."""
