"""Passes about loops: what they compute in vain, anew, or in every turn alike."""
