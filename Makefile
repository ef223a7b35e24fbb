# The tasks are in develop.py; `python3 develop.py TASK` is the same without make.
.PHONY: demo test lint bench web
demo test lint bench web:
	@python3 develop.py $@ $(ARGS)
