"""Backups: the folder that they lie in, and ClickHouse's part of them."""
