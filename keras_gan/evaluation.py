"""A first answer to whether a run's images are any good."""

import numpy as np

from keras_gan.metrics import frechet_distance

_MOST_IMAGES = 2000


def evaluate(gan, images, seed: int = 0) -> dict:
    """Compares generated with real images by their raw pixels.

    The Fréchet distance between them stands beside the same distance between two
    halves of the real images, which no generator can be expected to go below. Raw
    pixels see position and brightness, not content: compare runs on the same data only.

    Args:
        gan: trained `GAN`.
        images: `datasets.Images` that it was trained on.
        seed: decides which images are taken and generated.

    Returns:
        `frechet_pixels` and `frechet_pixels_real`, of pixels in [0, 1]; `images`, the
        number on each side; and `protocol`, a sentence.
    """
    count = min(_MOST_IMAGES, len(images) // 2)
    chosen = np.random.default_rng(seed).permutation(len(images))[: 2 * count]
    first, second = np.sort(chosen[:count]), np.sort(chosen[count:])
    labels = None if gan.num_classes is None else images.labels[first]

    def pixels(batch):
        return batch.reshape(len(batch), -1) / 255

    normalized = any(w.name == "moving_mean" for w in gan.generator.weights)
    fake = pixels(gan.generate(count, seed=seed, labels=labels))
    real = pixels(images.array[first])
    return {
        "frechet_pixels": frechet_distance(real, fake),
        "frechet_pixels_real": frechet_distance(real, pixels(images.array[second])),
        "images": count,
        "protocol": f"raw pixels in [0, 1], {count} generated and {count} training "
        f"images{', moving averages in batch norm' if normalized else ''}",
    }
