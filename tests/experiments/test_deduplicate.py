import io

import numpy as np
import pytest
from PIL import Image

from keras_gan import datasets
from keras_gan.experiments.deduplicate import agreement, nearest_kept

pytestmark = pytest.mark.usefixtures("deterministic")


def jpeg(image):
    content = io.BytesIO()
    Image.fromarray(image).save(content, "JPEG", quality=90)
    return np.asarray(Image.open(content))


def brighter(image):
    return np.rint(image * 1.02).clip(0, 255).astype("uint8")


def planted(images, rows):
    """Returns the images with a re-encoded and a brighter copy of some at the end."""
    copies = [change(images[row]) for change in (jpeg, brighter) for row in rows]
    return np.concatenate([images, copies])


def digits():
    images = datasets.read("digits", image_size=32, channels=3).array
    return images, np.random.default_rng(0).permutation(len(images))[:50]


def test_planted_copies_are_found_and_distinct_images_are_not(experiment, tmp_path):
    images, rows = digits()
    np.savez(tmp_path / "images.npz", images=planted(images, rows))
    source = f"npz:{tmp_path / 'images.npz'}"
    _, report, picture = experiment("deduplicate", source, "--steps", 300)
    measured = report["measured"]
    left_out = measured["leave_out"]
    found = [row for row in left_out if row >= len(images)]
    assert len(found) >= 0.95 * 100
    # The digits themselves hold next to none.
    assert len(left_out) - len(found) <= 0.01 * len(images)
    assert measured["near_duplicates"] == len(left_out)
    groups = {row: group[0] for group in measured["groups"] for row in group[1:]}
    assert sorted(groups) == left_out
    right = [groups[row] == rows[(row - len(images)) % len(rows)] for row in found]
    assert np.mean(right) > 0.95
    assert min(picture.shape[:2]) > 300


def test_files_of_a_folder_are_named(experiment, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), "uint8")
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number}.png")
    Image.fromarray(images[4]).save(folder / "more" / "copy.png")
    (folder / "1.png").write_bytes(b"broken")  # rows and files no longer agree
    with pytest.warns(UserWarning, match="1 of 7 pictures"):
        _, report, _ = experiment("deduplicate", f"folder:{folder}", "--steps", 5)
    measured = report["measured"]
    assert measured["leave_out"] == [5]
    assert measured["leave_out_files"] == ["more/copy.png"]
    assert measured["group_files"] == [["4.png", "more/copy.png"]]


@pytest.mark.parametrize("radius", [0, 2])
def test_codes_within_the_radius_of_a_kept_one(radius):
    """Against a search through all pairs."""
    rng = np.random.default_rng(0)
    codes = np.repeat(rng.random((60, 21)) < 0.5, 5, axis=0)
    codes ^= rng.random(codes.shape) < 0.04
    expected, kept = [], []
    for row, code in enumerate(codes):
        distances = [(codes[other] != code).sum() for other in kept]
        if distances and min(distances) <= radius:
            expected.append(kept[int(np.argmin(distances))])
        else:
            expected.append(row)
            kept.append(row)
    assert nearest_kept(codes, radius).tolist() == expected
    assert 60 <= len(kept) < 250


def test_no_chain_of_small_differences():
    codes = np.tri(9, 8, -1, dtype=bool)  # each differs in one bit from the next
    assert nearest_kept(codes, 2).tolist() == [0, 0, 0, 3, 3, 3, 6, 6, 6]


def test_codes_alone_do_not_decide():
    codes = np.zeros((4, 8), bool)
    assert nearest_kept(codes, 0, lambda a, b: (a - b) % 2 == 0).tolist() == [
        0,
        1,
        0,
        1,
    ]


def test_agreement_of_pixels():
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 200, (2, 32, 32, 3), "uint8")
    assert agreement(one, one) == pytest.approx(1)
    assert agreement(one, one + np.uint8(50)) == pytest.approx(1)
    assert agreement(one, other) == pytest.approx(0, abs=0.05)
    # Lin's coefficient of y = k x is 2k / (1 + k^2).
    assert agreement(one[..., :1] // 2 * 2, one[..., :1] // 2) == pytest.approx(0.8)
    flat = np.full_like(one, 7)
    assert agreement(flat, flat) == 1
    assert agreement(flat, one) == 0


def test_no_near_duplicates(experiment, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), "uint8")
    np.savez(tmp_path / "images.npz", images=images)
    source = f"npz:{tmp_path / 'images.npz'}"
    _, report, _ = experiment("deduplicate", source, "--steps", 5, "--radius", 0)
    assert report["measured"]["leave_out"] == []
