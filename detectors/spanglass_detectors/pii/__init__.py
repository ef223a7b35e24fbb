"""Personal data and secrets in spans.

finder.py     one text: what is in it, by presidio's names
phones.py     telephone numbers of national forms
presidio.py   presidio's own recognisers, behind a prefilter
presidio_phones.py  its telephone numbers, several countries at a time
prefilter.py  what says that a recogniser has nothing to find
pseudonyms.py names that who has the key can turn back
subjects.py   keyed hashes of values, so that one person's data can be found without keeping it
rescan.py     a sample again, by the slow pipeline: what slipped through
detector.py   a span: findings by field and role
"""
