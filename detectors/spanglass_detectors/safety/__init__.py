"""Whether what goes into a model or comes out of it does harm.

detector.py         spans: what is judged of which
injection.py        instructions that try to take the model over
injection_rules.py  what those look like
toxicity.py         insults, threats, hate
leaks.py            secrets and system prompts in answers
unsafe.py           code, SQL and addresses in answers that do damage where they are used
"""
