"""Labelled texts for what judges answers: made from templates and public knowledge.

They were written by hand beside the rules, not by somebody who has not seen them: real traffic
asks more. Each module draws its texts with a seed, and shares no phrase list with the detectors.

grounded.py    claims about countries and elements, right and edited, with their context
attacks.py     prompt injection, and requests that look like it
rude.py        insults, threats and hate, and harmless look-alikes
answers.py     refusals, answers that do not know, and others; questions in twelve languages
"""
