"""Jobs: judge spans after they are stored, in processes of their own.

config.py    which jobs there are, and their settings
registry.py  from a job's name to its detector
judge.py     the process that a detector runs in
sandbox.py   the other end of it: limits of time and memory, and who is to blame
runner.py    one job over one window: read, judge, write, remember
worker.py    the process that runs jobs while there is something to judge
keeper.py    the service's side: wakes the worker, and knows how it stands
desk.py      what people can ask for: status and backfills
"""
