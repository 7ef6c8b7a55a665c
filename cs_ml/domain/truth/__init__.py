"""What became of predictions: outcomes, and the past predicted again."""
