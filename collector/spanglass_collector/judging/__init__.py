"""Models that judge answers, over any endpoint that speaks OpenAI's chat completions.

rubric.py     what is asked: a file with a version
prompt.py     how it is asked, so that an answer can't give the judge orders
detector.py   the detector: asks, checks what is said, retries, counts what it costs
"""
