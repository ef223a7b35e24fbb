"""From alerts to messages: what is held back, what goes together, to whom, and when again."""
