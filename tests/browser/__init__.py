"""The web application in a real browser, on a real service with real data."""
