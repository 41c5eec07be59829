"""What the server says of requests and files that it cannot use."""


class Refused(Exception):
    """A request that is not answered with a result.

    Args:
        status: of HTTP.
        sentence: what is wrong, what is accepted, what to do.
    """

    def __init__(self, status: int, sentence: str):
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


class UnusableFile(Exception):
    """A file that cannot be served; the message is one sentence for its owner."""
