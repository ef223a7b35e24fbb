"""Makes the pages of `docs/reference` from what the code says of itself.

python3 develop.py docs
"""
