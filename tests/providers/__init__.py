"""Tests of projectloom.providers."""
