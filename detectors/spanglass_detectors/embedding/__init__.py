"""Texts as vectors, with nothing downloaded.

wordpiece.py   texts to the model's numbers
minilm.py      all-MiniLM-L6-v2 in eight bits, on onnxruntime: accurate, 25 texts a second
table.py       a vector for each word piece, made by that model once on each machine: thousands a
               second
"""
