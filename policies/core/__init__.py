"""What every family of rules stands on: resources, rules, evaluation and reports."""
