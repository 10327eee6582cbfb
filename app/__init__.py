"""The reference model application: death within 60 days, from SUPPORT2. Knows nothing of infrastructure."""
