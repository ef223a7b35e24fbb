"""Human review: what is asked, what is drawn, and what becomes of labels.

rubric.py   what people are asked, and what they may answer
plan.py     which traces a queue takes, and why
draw.py     draws them
scores.py   labels as scores
results.py  estimates and agreement
"""
