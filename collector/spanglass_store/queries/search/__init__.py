"""The language in which people say which traces they want: `model:gpt-4o latency:>2s -env:dev`."""
