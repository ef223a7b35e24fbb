"""The HTTP API and the server side of the web application.

app.py       composes the application
context.py   what it is given
problems.py  errors as RFC 9457 problem documents
api/         one module a resource
"""
