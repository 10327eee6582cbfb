"""What exists: one program, one config file for each environment."""
