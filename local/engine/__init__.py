"""The real Pulumi engine's partners: a language host, and providers that stand in for the clouds."""
