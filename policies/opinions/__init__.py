"""Second opinions: what others' tools say of the manifests and Dockerfiles that we render."""
