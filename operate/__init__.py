"""`make report` and `make repair`: ask the deployed function, with the AWS CLI and your own permissions.

It imports the standard library only, so that a scheduled job can run it from a clone: `python3 -m operate report`.
"""
