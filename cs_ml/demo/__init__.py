"""Invented customers with a known churn process, for the demo and for tests that need a ground truth."""
