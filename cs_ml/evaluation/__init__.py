"""Arrays in, numbers out: how good forecasts were, and how sure that is."""
