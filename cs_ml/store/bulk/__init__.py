"""Very many rows at once: statements for the driver, values as text, and what the import reads and writes."""
