"""Context in, assessment out: pure, without clock, database or network (but for the LLM's client)."""
