"""The store in one SQLite file, inside the process."""
