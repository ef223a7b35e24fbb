"""What the pages and the command line read, as typed functions over a `Store`."""
