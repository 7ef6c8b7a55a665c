"""What happened, and what was learned from it."""
