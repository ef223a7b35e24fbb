# The tasks are in develop.py; `python3 develop.py TASK` is the same without make.
.PHONY: demo test lint bench web docs sbom scan sdks
demo test lint bench web docs sbom scan sdks:
	@python3 develop.py $@ $(ARGS)
