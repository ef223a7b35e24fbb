"""From messages to receivers: forms, addresses, retries, and a log of what became of them."""
