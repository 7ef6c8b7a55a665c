"""What became of predictions: outcomes, their judgement, figures of accuracy, and backtests."""
