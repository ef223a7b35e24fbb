"""The HTTP API and the server side of the web application.

app.py       composes the application
context.py   what it is given
problems.py  errors as RFC 9457 problem documents
api/         one module a resource
pages.py     the web application that was built from `dashboards/web`
openapi.py   the API's description, from which its types are made
"""
