"""How often predictions were right, as figures."""
