"""People: who they are, how they sign in, what they prefer, and the provider keys they keep here.

This room promises that passwords and tokens are stored only as hashes and provider keys only encrypted, and that a
person's rows are reached by their own id alone. It opens no transaction.
"""
