"""Crowds under one rate limit. A crowd is a set of Creates that are sent at the same moment."""
