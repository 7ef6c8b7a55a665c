"""What running the product leaves behind: usage of models."""
