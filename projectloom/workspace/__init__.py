"""What people do with their account and their conversations, one transaction each.

This room promises that every door (HTTP and Reflex) knows the same person from the same session, and that what a person
asks for reaches only what is theirs.
"""
