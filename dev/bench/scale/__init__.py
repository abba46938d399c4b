"""Crowds of Creates under one rate limit."""
