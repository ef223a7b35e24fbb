"""What changes in place: projects and keys, in a small transactional database.

SQLite in the data directory by default, PostgreSQL by URL where several collectors share one
installation.
"""
