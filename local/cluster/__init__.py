"""The embedded single-node Kubernetes: a machine made of namespaces."""
