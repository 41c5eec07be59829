"""Which faults features can see: python -m benchmarks.features --data-dir DIR

Compares one half of some real images with the other half, and with worse images made
from that other half, by Fréchet distance and kernel distance.
"""

import argparse

import numpy as np
from scipy import ndimage

from keras_gan import datasets, features, metrics

# Source, number of images in each half.
CASES = {
    "faces": ("tfds:utkface64:train[:200]", 100),
    "cifar10": ("tfds:cifar10:train[:10000]", 500),
    "digits": ("digits", 400),
}
EXTRACTORS = ("pixels", "random", "classifier")


def sets(learned, other):
    """Returns sets of images by name: the other half, worse images, and copies.

    Args:
        learned: uint8 [N, H, W, C], the half that all sets are compared with.
        other: uint8 [N, H, W, C], the other half.
    """
    rng = np.random.default_rng(0)
    count, side = other.shape[:2]

    def blur(images, sigma):
        return ndimage.gaussian_filter(images, (0, sigma, sigma, 0))

    blobs = blur(rng.normal(size=other.shape), side / 6)
    blobs = other.mean() + other.std() / blobs.std() * blobs
    return {
        "halves": other,
        "blur, small": blur(other, side / 32),
        "blur, large": blur(other, side / 16),
        "noise": _images(other + rng.normal(0, 16, other.shape)),
        "overlay": _images(other / 2 + other[rng.permutation(count)] / 2),
        "blobs": _images(blobs),
        "collapse": other[rng.integers(10, size=count)],
        "memorised": _images(learned + rng.normal(0, 2, other.shape)),
    }


def _images(values):
    return np.clip(np.rint(values), 0, 255).astype("uint8")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", default=list(CASES))
    parser.add_argument("--features", nargs="+", default=list(EXTRACTORS))
    parser.add_argument("--data-dir", help="where TensorFlow Datasets keeps its files")
    options = parser.parse_args()
    for case in options.cases:
        source, count = CASES[case]
        images = datasets.read(source, data_dir=options.data_dir)
        order = np.random.default_rng(0).permutation(len(images))
        learned, other = (
            images.array[order[:count]],
            images.array[order[count:][:count]],
        )
        for name in options.features:
            if name == "classifier" and images.labels is None:
                continue
            extract = features.get(name, images)
            real = extract(learned).features
            print(f"{case}, {name}: Fréchet distance / kernel distance")
            for kind, worse in sets(learned, other).items():
                found = extract(worse).features
                frechet = metrics.frechet_distance(real, found)
                kernel = metrics.kernel_distance(real, found).mean
                print(f"  {kind:<12} {frechet:.4g} / {kernel:.3g}", flush=True)


if __name__ == "__main__":
    main()
