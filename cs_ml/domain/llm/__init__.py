"""What is known around a language model: names that must not reach it, and what it costs."""
