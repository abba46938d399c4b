"""What the project believes about AWS. `beliefs.yaml` is the list; `results.json` has what runs on AWS have found."""
