"""What the merging engine refuses with."""


class MergeError(ValueError):
    """A merge that cannot be done as asked: says which tensor, expert or setting, what came and what was expected."""
