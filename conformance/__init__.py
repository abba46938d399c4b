"""What the project believes about AWS.

`beliefs.yaml` is the list. `page.py` writes docs/BELIEFS.md of it. `results.json` has what runs on AWS have found.
"""
