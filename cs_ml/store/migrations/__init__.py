"""How a database gets our schema: frozen revisions, run by Alembic from `runner`."""
