"""Mails: an outbox whose rows stand or fall with the money they tell of, and the ways out of it.

This room promises that the same thing is told once, that nothing about a mail can undo the money, and that no address
or subject reaches a mail server with a line break in it. It knows no orders and no replies: whoever calls it brings the
words and the address.
"""
