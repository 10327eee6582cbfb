"""What may never be deployed: a Pulumi policy pack, one module per resource family."""
