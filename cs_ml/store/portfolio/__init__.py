"""Read-only aggregates for the portfolio page: the number of statements does not depend on the number of accounts."""

from cs_ml.store.portfolio.repository import PortfolioRepository, Refreshed

__all__ = ["PortfolioRepository", "Refreshed"]
