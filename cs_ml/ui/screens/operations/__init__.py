"""Parts of the operations page."""
