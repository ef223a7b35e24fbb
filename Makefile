# The tasks are in develop.py; `python3 develop.py TASK` is the same without make.
.PHONY: demo test lint bench web docs sbom scan
demo test lint bench web docs sbom scan:
	@python3 develop.py $@ $(ARGS)
