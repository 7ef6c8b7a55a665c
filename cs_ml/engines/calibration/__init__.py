"""Probabilities adjusted to what happened: the numbers, their fits, and an engine that is adjusted by them."""
