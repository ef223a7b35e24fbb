"""The command `spanglass`.

One module a command or family of commands; `remote` is how they reach a running service or open
the data directory themselves; `start` runs what is asked for, with the packages that it needs.
"""
