"""Whether an answer is any good, without a reference and without a model that judges.

detector.py      spans: what is judged of which
refusal.py       declined, or does not know
repetition.py    goes in circles
truncation.py    cut off
readability.py   how hard it is to read
structure.py     JSON, JSON schemas and calls of tools
relevance.py     whether it is about what was asked
reference.py      beside a reference: ROUGE, BLEU, chrF, matches
groundedness.py  whether what it says is in what it was given
"""
