"""A better prompt, looked for by running candidates over examples.

A candidate is a version of the prompt: other instructions, examples that it shows, another model.

candidate.py  what a candidate is, and the prompt that it makes
writing.py    other instructions, written by a model
breeding.py   where candidates come from: chosen examples, crossover, mutation
running.py    candidates over examples, within a budget, kept in a journal
front.py      which candidates are beaten by none
search.py     `search`: rounds of successive halving, and a last look at examples kept aside

Sources: K. Jamieson and A. Talwalkar, "Non-stochastic best arm identification and hyperparameter
optimization" (2016), for successive halving; Q. Guo and others, "Connecting large language models
with evolutionary algorithms yields powerful prompt optimizers" (2024), and C. Fernando and others,
"Promptbreeder" (2023), for crossover and mutation; O. Khattab and others, "DSPy" (2023), for
examples chosen by search; R. Pryzant and others, "Automatic prompt optimization with gradient
descent and beam search" (2023), for instructions written from failures.
"""

from spanglass_detectors.prompt_search.candidate import Candidate
from spanglass_detectors.prompt_search.search import Found, Scored, search

__all__ = ["Candidate", "Found", "Scored", "search"]
