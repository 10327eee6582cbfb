"""The reference model application: death within 60 days, from SUPPORT2. It knows nothing of infrastructure."""
