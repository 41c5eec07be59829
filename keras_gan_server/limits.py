"""How much the server takes on at once."""

import dataclasses

# A picture that goes in counts as one row for each so many pixels begun, because its
# memory and time grow with them.
PIXELS_OF_A_ROW = 128 * 128


@dataclasses.dataclass(frozen=True)
class Limits:
    """Bounds of requests and of what waits.

    Args:
        rows: of one request, and of a batch that several requests share.
        queue_rows: that may wait for one model; a request beyond them is refused.
        body_bytes: of one request.
        json_bytes: of one request in JSON, which takes 30 times as much memory once it
            is read.
        seconds: from a request's first byte to its answer.
        delay_seconds: how long the first request of a batch waits for others.

    Example:

    ```python
    from keras_gan_server.limits import Limits

    assert Limits(rows=16).pixels == 16 * 128 * 128
    ```
    """

    rows: int = 64
    queue_rows: int = 4096
    body_bytes: int = 16 * 2**20
    json_bytes: int = 2**20
    seconds: float = 30.0
    delay_seconds: float = 0.002

    @property
    def pixels(self) -> int:
        """Pixels of the largest picture that a request may hold."""
        return self.rows * PIXELS_OF_A_ROW

    @property
    def all_bodies_bytes(self) -> int:
        """Bytes that the bodies of all requests in progress may have together."""
        return 16 * self.body_bytes
