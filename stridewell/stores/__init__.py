"""Where conversations, locks and events go: chosen by environment, named once in endpoints.yml."""
