"""Who uses the product, how they prove it, and what they may do."""
