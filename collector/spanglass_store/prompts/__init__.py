"""Prompts outside of the registry: as files, as other products export them, as diffs."""
