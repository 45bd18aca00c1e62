"""Backup and restore of Mendix environments that run on a customer's own Kubernetes cluster."""

__version__ = "0.1.0"
