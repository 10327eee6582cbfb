"""The embedded environment: toolchain, cluster, AWS emulator and the providers that stand in for the clouds.

Nothing outside this package imports it; an environment on a real account runs without it.
"""
