"""Errors that a person can put right; everything else that is raised is a defect of ours."""


class UserError(ValueError):
    """Says which thing is wrong, what came, what was expected and what to do. Shown to visitors word for word.

    `title` is the headline of the message on the page, at most a few words.
    """

    def __init__(self, message: str, title: str = "Please check the input") -> None:
        super().__init__(message)
        self.title = title
