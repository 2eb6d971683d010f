"""What the product costs and how fast it is, measured beside its peers: ``python -m bench`` says what there is.

Nothing here belongs to the product, which never imports it. Only ratios within one run count: absolute figures drift
with the machine and with what else it does.
"""
