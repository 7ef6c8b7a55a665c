"""Verbs about what is stored: the database, imports, copies, and leaving."""
