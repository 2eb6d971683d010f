"""Credits bought: checkout, Stripe's events, fulfillment, and what a person sees of it.

This room promises that every paid order is credited exactly once, that nothing unpaid ever is, and that whatever Stripe
sent is kept before it is acted upon. The webhook and the return page come to the same :func:`fulfill_checkout`.
"""
