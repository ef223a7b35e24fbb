"""Text, as detectors take it apart.

sentences.py   sentences, words, stems, numbers, names
exchange.py    a span of a model call: question, context, instructions, answer, tool calls
language.py    which language a text is in
"""
