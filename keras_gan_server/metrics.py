"""What Prometheus can ask the server for."""

import prometheus_client
from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The figures of one server; a process can have several servers.

    Example:

    ```python
    from keras_gan_server.metrics import Metrics

    metrics = Metrics()
    metrics.rows.labels("digits").inc(3)
    assert 'keras_gan_rows_total{model="digits"} 3.0' in metrics.text().decode()
    ```
    """

    def __init__(self):
        self._registry = prometheus_client.CollectorRegistry()
        prometheus_client.ProcessCollector(registry=self._registry)
        self.requests: Counter = self._add(
            Counter, "requests", "Requests answered, by HTTP status.", ("model", "code")
        )
        self.seconds: Histogram = self._add(
            *(
                Histogram,
                "request_seconds",
                "From request to answer.",
                ("model",),
            ),
            buckets=_SECONDS,
        )
        self.rows: Counter = self._add(
            Counter, "rows", "Rows computed: pictures or latent vectors.", ("model",)
        )
        self.batch_rows: Histogram = self._add(
            *(Histogram, "batch_rows", "Rows of a batch.", ("model",)), buckets=_ROWS
        )
        self.queue_rows: Gauge = self._add(
            Gauge, "queue_rows", "Rows that wait for a batch.", ("model",)
        )
        self.loads: Counter = self._add(
            *(Counter, "loads", "Versions loaded, by outcome: ok or failed."),
            ("model", "outcome"),
        )
        self.version: Gauge = self._add(
            *(Gauge, "model_info", "1 for the version that is served, by its SHA-256."),
            ("model", "version"),
        )

    def _add(self, kind, name, meaning, labels, **settings):
        name = f"keras_gan_{name}"
        return kind(name, meaning, labels, registry=self._registry, **settings)

    def text(self) -> bytes:
        """Returns all figures in Prometheus's text format."""
        return prometheus_client.generate_latest(self._registry)
