"""Stored predictions: the repository, and a prediction as a row and back."""

from cs_ml.store.predictions.repository import PredictionRepository

__all__ = ["PredictionRepository"]
