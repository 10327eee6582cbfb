"""The kubernetes provider's stand-in: any kind by server-side apply, Helm releases by the real Helm."""
