"""Running the product: batches, schedules, and what they cost."""
