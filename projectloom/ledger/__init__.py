"""The books: double entry in nano-dollars.

This room promises that every journal entry sums to zero, that a person's cached balance equals the rows behind it, that
no spendable account goes below zero, and that each hold is resolved exactly once. It knows nothing of payments, models
or people beyond their id; whoever calls it opens the transaction.
"""
