"""`python -m spanglass_collector.cli`."""

from spanglass_collector.cli.main import main

main()
