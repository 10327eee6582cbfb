"""What a person types, one module each."""
