"""What the pages are made of: plain HTML elements with our own classes (``assets/loom.css``), and a few islands."""
