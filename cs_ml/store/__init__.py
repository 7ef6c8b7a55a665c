"""The database: the only package that knows SQLAlchemy."""
