"""The AWS emulator: moto's server, with a memory that survives a restart."""
