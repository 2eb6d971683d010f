"""Conversations and their messages, always reached through their owner.

This room promises that another person's conversation looks exactly like one that does not exist, and that a deleted one
can be brought back. It knows a turn only by its id and opens no transaction.
"""
