"""The pieces of the Account page."""
