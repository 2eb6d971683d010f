"""Stand-ins for Stripe, Anthropic and OpenAI, so that the whole product runs with nothing configured.

The real SDKs speak to them over real HTTP; only base addresses and keys differ, and no code of the product knows that
they are here. What they remember outlives a crash of the server, as the real services would.
"""
