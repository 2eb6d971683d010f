"""What a person owns here: taken along as files, brought in from one, and deleted when they leave.

Conversations are theirs; the books are shared with whoever was paid, so they stay, without a name. Reading is done page
by page in transactions of its own, so that neither memory nor a slow reader holds the server up.
"""
