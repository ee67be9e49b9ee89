"""Rasa graph components: one a file."""

import warnings

# Rasa quotes a message that looks like a button's payload in this warning, and logs hold no text.
warnings.filterwarnings("ignore", message=r"(?s).*Failed to parse arguments in line")
