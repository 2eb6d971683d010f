"""What an operator does and sees: proofs of the books on one page, people and their credit, troubles, margins, prices.

The room sits on billing and the meter and calls their functions; what is its own is who may come in
(:mod:`~projectloom.operating.operators`) and the record of what was done (:mod:`~projectloom.operating.actions`).
"""
