"""Support for Terrakube's own executor image in the pod: its calls, its storage, and what its reports mean."""
