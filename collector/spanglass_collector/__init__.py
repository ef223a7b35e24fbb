"""The collector: receivers, checks, spool, writer, and the command line. The top floor.

receivers/   OTLP over gRPC and HTTP
ingest/      check → stamp → spool → write, and what became of every span
service.py   composes the parts into one process
cli/         the command `spanglass`
"""
