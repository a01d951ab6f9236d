"""Diagnosis of Jobs and pods from their recorded states; pure."""
