"""Terrakube's own executor image as the pod: what it calls, where it writes, and what follows from its reports."""
