"""The health score: what it does, what is expected of it, and why it changed."""
