"""Running an application over examples: in parallel, resumable, scored.

_example.py   what is asked, and what came of it
_journal.py   results in a file, so that a run that was killed goes on where it ended
_service.py   the same in the service, with examples from its datasets
_scorers.py   from what a scorer gives to scores
_run.py       `spanglass.evaluate`
_report.py    sums, intervals, limits
"""

from spanglass.evaluation._example import Example, Judged, Result
from spanglass.evaluation._journal import Journal
from spanglass.evaluation._report import Report, Summary
from spanglass.evaluation._run import EvaluationError, Keeper, Progress, Usage, evaluate
from spanglass.evaluation._service import Experiment

__all__ = [
    "EvaluationError",
    "Example",
    "Experiment",
    "Journal",
    "Judged",
    "Keeper",
    "Progress",
    "Report",
    "Result",
    "Summary",
    "Usage",
    "evaluate",
]
