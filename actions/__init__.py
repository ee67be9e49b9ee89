"""Custom actions: one a file. The dialogue server has uttered the answer before it calls them."""

from stridewell import action_server

action_server.install()
