"""Taking backups while the service runs, and bringing one back."""
