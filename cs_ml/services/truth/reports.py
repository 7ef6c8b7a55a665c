"""The plain values of evaluations, for those who draw them."""

from cs_ml.evaluation.report import Confusion, Evaluation, Figure

__all__ = ["Confusion", "Evaluation", "Figure"]
