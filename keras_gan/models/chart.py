"""What the report draws of the numbers of training."""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Chart:
    """Numbers of training that the report draws over each other.

    Args:
        title: of the chart.
        series: label -> name of a number that the model reports.
        landmarks: label -> value at which a dashed line is drawn.
        limits: (low, high) of the vertical axis; None takes those of the numbers.

    Example:

    ```python
    from keras_gan.models.chart import Chart

    chart = Chart("Losses", {"reconstruction": "loss"}, landmarks={"blank image": 0.4})
    assert chart.series["reconstruction"] == "loss"
    ```
    """

    title: str
    series: Mapping[str, str]
    landmarks: Mapping[str, float] = dataclasses.field(default_factory=dict)
    limits: tuple[float, float] | None = None
