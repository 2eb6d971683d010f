"""The page's memory: one Reflex state class per concern.

A handler calls floor 2, copies the answer into display vars and turns a ``LoomError`` into words; it holds no SQL, no
SDK and no arithmetic on money, and amounts reach the browser as text. Who is asking is read from the HttpOnly session
cookie on the server at every call: nothing that the browser says about identity, payer or price is trusted.
"""
