"""Use cases: each authorises, opens short transactions, and returns values."""
