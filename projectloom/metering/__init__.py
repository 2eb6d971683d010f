"""The meter: every model call of the product goes through one turn.

This room promises that in credits mode no provider is called without a committed hold, that a person is charged once,
exactly, and at most the hold, and that a reply belongs to the server: whoever watches it may come and go. Own-key turns
take the same walk and skip only the hold.
"""
