"""What a tenant asks a language model, and what of it is hidden."""
