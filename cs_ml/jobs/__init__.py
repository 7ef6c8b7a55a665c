"""Long work, away from pages: on PostgreSQL by workers on any number of machines, else inside the process."""
