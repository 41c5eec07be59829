import numpy as np
import pytest

from keras_gan import latent_directions, runs
from keras_gan.metrics.neighbours import pixels


def test_walks_along_directions_of_a_run(experiment, conditional_folder):
    arguments = ("--directions", 2, "--steps", 3, "--samples", 3, "--seed", 7)
    _, report, _ = experiment("directions", conditional_folder, *arguments)
    model = runs.load(conditional_folder)
    found, _ = latent_directions.of_first_layer(
        model.inference_network(), model.latent_dim, model.num_classes
    )
    assert report["measured"]["directions"] == found[:2].tolist()
    latent, labels = model.sample_latent(64, seed=7).numpy(), np.arange(64) % 10
    # The prior is uniform in [-1, 1], whose standard deviation is 1 / sqrt(3).
    moved = [(latent + side * 3**0.5 * found[1]).clip(-1, 1) for side in (-1, 1)]
    ends = [model.render(each, labels) for each in moved]
    change = np.sqrt(np.mean(np.square(pixels(ends[1]) - pixels(ends[0]))))
    assert report["measured"]["changes"][1] == pytest.approx(change, rel=1e-4)
    assert report["measured"]["random_directions"] > 0
