"""The local stage: real CloudFormation stacks, the real function, and a local AWS for it to act on."""
