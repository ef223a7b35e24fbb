"""`python -m spanglass_collector.cli`."""

from spanglass_collector.cli.start import main

main()
