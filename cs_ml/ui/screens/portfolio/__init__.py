"""The pieces of the portfolio page."""
