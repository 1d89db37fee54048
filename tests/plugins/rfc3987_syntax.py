"""Not the package of this name: jsonschema would spend three seconds on its grammars of addresses, in every process.

No notebook or setting is checked for them, and jsonschema does without.
"""

raise ImportError("left out by tests/run.py")
