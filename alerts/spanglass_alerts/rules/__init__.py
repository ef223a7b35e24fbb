"""What people write: rules, channels, routes, and where they are wrong."""
