# The tasks are in develop.py; `python3 develop.py TASK` is the same without make.
.PHONY: demo test lint bench web docs
demo test lint bench web docs:
	@python3 develop.py $@ $(ARGS)
