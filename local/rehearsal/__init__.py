"""Rehearsals: any environment, whole, on throwaway emulators, and gone again."""
