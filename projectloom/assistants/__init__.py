"""What the product asks of models by itself or on request: titles, summaries, vectors.

Every call goes through the meter, with a source of its own. Nothing here calls a provider.
"""
