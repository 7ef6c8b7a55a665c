"""Names and addresses out of what a model is sent, and back into what it answers."""
