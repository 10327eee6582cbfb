"""How each part of an environment is built, secure by default; one noun to a file."""
