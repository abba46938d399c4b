"""The demo: stacks on a CloudFormation on this machine, the real function, and a model of AWS that it calls."""
