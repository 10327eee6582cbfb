"""Helm releases through the real Helm."""
