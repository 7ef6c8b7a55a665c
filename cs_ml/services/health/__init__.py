"""Health scores: what they did, what comes next, and why they changed."""
