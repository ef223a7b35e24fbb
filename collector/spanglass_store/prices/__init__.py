"""What calls of models cost: a book of prices with effective dates, and SQL that applies it.

`prices` is the book, one row a price. From it follows `price_schedules`: for every name of a model
as spans carry it, what to charge from which moment on. Finding out which model a name means is
Python's, once a name; charging is SQL's, for every span: where it arrives (`costs`), and again
for spans that are stored (`recompute`).
"""
