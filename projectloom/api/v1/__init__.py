"""The doors for people's own programs, in the wire formats of OpenAI and Anthropic.

This room promises that a client written for either provider works unchanged with a ProjectLoom key: requests and
answers pass through as they are, errors come in the provider's own envelope, and what it cost comes along.
"""
