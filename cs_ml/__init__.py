"""CS ML: which customers are about to leave, why, what to do, and how often that was right."""
