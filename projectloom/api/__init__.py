"""The HTTP doors: they translate requests into use cases and answers into JSON or streams, and decide nothing.

This room promises that whatever a client sends is answered with the right status and ``{"error": …}``, that who asks is
known before anything is read, and that no page of another site can act for a person.
"""
