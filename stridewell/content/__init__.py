"""The project's content read from its YAML files: register, domain, NLU examples, rules.

Every reader takes parsed files and hands on a typed model whose parts know the place they were
written at. What is wrong is collected as findings with file and line, never as a traceback.
"""
