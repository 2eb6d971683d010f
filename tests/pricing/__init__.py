"""Tests of projectloom.pricing."""
