"""ProjectLoom: a self-hosted AI workspace with books that anyone can check."""
