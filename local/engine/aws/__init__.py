"""A stand-in for the `aws` provider that realises resources on an emulator, and never on AWS itself."""
