"""The engine: coordinates, linear reference, layers, rights, history and the one reading path.

Nothing here knows of borders; a forestry department could build on it.
"""
