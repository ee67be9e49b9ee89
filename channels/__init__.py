"""Ways into the assistant: one module a channel, each a Rasa input channel."""
