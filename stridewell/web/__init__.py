"""Parts of the website channel: sessions, limits, checks, conversation and pages, one a module."""
