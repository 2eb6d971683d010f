"""Work that the server does by itself: resolving what crashes left, and proving the books on request."""
