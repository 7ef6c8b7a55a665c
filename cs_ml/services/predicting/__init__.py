"""Predictions: asking for them, making them, and what they are measured against."""
