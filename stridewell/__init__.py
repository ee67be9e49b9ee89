"""Stridewell's own library: what the graph components, actions and checks share."""
