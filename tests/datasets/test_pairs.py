"""Sources of pairs: halves of pictures, two folders, two arrays, outlines."""

import zipfile

import numpy as np
import pytest
from PIL import Image

from keras_gan import datasets
from keras_gan.datasets import conversion
from keras_gan.errors import InputError


def noise(height=8, width=8, channels=3, seed=0, top=256, dtype=np.uint8):
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(seed).integers(0, top, shape).astype(dtype)


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def side_by_side(folder, *names, left=noise, right=lambda seed: noise(seed=seed + 50)):
    """Save pictures of two halves, and return the halves."""
    halves = [(left(seed=i), right(seed=i)) for i, _ in enumerate(names)]
    for name, both in zip(names, halves, strict=True):
        save(folder / name, np.concatenate(both, axis=1))
    return [np.stack(part) for part in zip(*halves, strict=True)]


def read(folder, image_size=8, load_size=8, **options):
    return datasets.read_pairs(
        f"pairs:{folder}", image_size, None, load_size, **options
    )


def test_pictures_are_cut_into_halves(tmp_path):
    left, right = side_by_side(tmp_path, "2.png", "1.png")
    for direction, source, target in (
        ("a-to-b", left, right),
        ("b-to-a", right, left),
    ):
        pairs = read(tmp_path, direction=direction)
        np.testing.assert_array_equal(pairs["source"].array, source[::-1])
        np.testing.assert_array_equal(pairs["target"].array, target[::-1])
    assert pairs.files == ("1.png", "2.png")
    assert len(set(pairs.digests)) == 2
    assert "(left halves) holds 2 pictures (2 PNG) of 8x8 pixels" in pairs.summary


def test_real_halves_at_the_sizes_of_the_authors(real_data, tmp_path):
    # Of maps, whose pictures are never part of the project.
    with zipfile.ZipFile(real_data / "pairs" / "maps_test200_286.zip") as pack:
        names = sorted(pack.namelist())[:4]
        pack.extractall(tmp_path, names)
    pairs = datasets.read_pairs(f"pairs:{tmp_path / 'test'}", 64)
    assert pairs.stored["source"].shape == (72, 72, 3)
    for name, box in (("source", (0, 0, 286, 286)), ("target", (286, 0, 572, 286))):
        for i, file in enumerate(pairs.files):
            with Image.open(tmp_path / "test" / file) as picture:
                half = picture.convert("RGB").crop(box).resize((72, 72), 3)
            np.testing.assert_array_equal(pairs.stored[name].array[i], half)
            seen = half.resize((64, 64), Image.Resampling.BICUBIC)
            np.testing.assert_array_equal(pairs[name].array[i], seen)
    crops = datasets.read_pairs(f"pairs:{tmp_path / 'test'}", 64, crop=True)
    assert crops["target"].shape == (286, 286, 3)
    assert crops.shapes["target"] == (64, 64, 3)


def test_a_large_picture_is_halved_at_its_middle(tmp_path):
    # JPEG pictures are decoded at a part of their size: halves must not shift.
    for width in (640, 648, 612):
        left, right = (
            np.asarray(Image.fromarray(noise(8, 8, seed=i)).resize((width // 2, 320)))
            for i in range(2)
        )
        save(tmp_path / f"{width}.jpg", np.concatenate([left, right], 1), quality=95)
        pairs = read(tmp_path, 16, 16, fit="stretch")
        for name, half in (("source", left), ("target", right)):
            exact = np.asarray(Image.fromarray(half).resize((16, 16), 3)).astype(int)
            error = np.abs(pairs[name].array[0] - exact)
            assert error.mean() < 1.5, (width, name)
        (tmp_path / f"{width}.jpg").unlink()


def pictures():
    """Name of a file -> two halves and options, of each kind that folders may hold."""
    yield "grey.png", noise(channels=1), noise(channels=1, seed=1), {}
    grey = np.repeat(noise(channels=1, seed=2)[..., np.newaxis], 3, -1)
    yield "grey-and-colour.png", grey, noise(seed=1), {}
    yield "alpha.png", noise(channels=4), noise(channels=4, seed=1), {}
    opaque = noise(channels=4, seed=3)
    opaque[..., 3] = 255
    yield "alpha-at-left.png", noise(channels=4), opaque, {}
    deep = noise(channels=1, top=3000, dtype=np.uint16)
    yield "deep.png", deep, noise(channels=1, seed=1, top=65536, dtype=np.uint16), {}
    yield "deep.tif", deep, noise(channels=1, seed=1, top=65536, dtype=np.uint16), {}
    floats = noise(channels=1, top=9).astype(np.float32)
    yield "floats.tif", floats, floats.T * -2, {}


@pytest.mark.parametrize("name", [name for name, *_ in pictures()])
def test_halves_are_read_as_pictures_of_a_folder_are(tmp_path, name):
    left, right, options = next(rest for n, *rest in pictures() if n == name)
    save(tmp_path / "both" / name, np.concatenate([left, right], 1), **options)
    save(tmp_path / "apart" / "a" / name, left, **options)
    save(tmp_path / "apart" / "b" / name, right, **options)
    halves, apart = read(tmp_path / "both"), read(tmp_path / "apart")
    for part, side in (("source", "a"), ("target", "b")):
        alone = datasets.read(f"folder:{tmp_path / 'apart' / side}", 8)
        for pairs in (halves, apart):
            np.testing.assert_array_equal(pairs[part].array, alone.array)
            assert pairs[part].levels == alone.levels
            ours, theirs = (
                one.summary.split("read as")[1] for one in (pairs[part], alone)
            )
            assert ours == theirs


def test_halves_are_those_of_the_picture_as_a_viewer_shows_it(tmp_path):
    upright = np.concatenate([np.full((8, 8, 3), v, np.uint8) for v in (0, 255)], 1)
    exif = Image.Exif()
    exif[0x0112] = 6  # stored turned by a quarter
    save(tmp_path / "a.png", np.rot90(upright).copy(), exif=exif)
    pairs = read(tmp_path)
    assert pairs["source"].array.max() == 0
    assert pairs["target"].array.min() == 255


def test_sides_may_differ_in_channels(tmp_path):
    side_by_side(tmp_path, "1.png", left=lambda seed: np.repeat(noise(8, 1), 8, 1) * 0)
    pairs = read(tmp_path)
    assert pairs.shapes == {"source": (8, 8, 1), "target": (8, 8, 3)}
    given = datasets.read_pairs(
        f"pairs:{tmp_path}", 8, {"source": 3, "target": 1}, load_size=8
    )
    assert given.shapes == {"source": (8, 8, 3), "target": (8, 8, 1)}
    assert datasets.read_pairs(f"pairs:{tmp_path}", 8, 3).shapes["source"][-1] == 3


def test_two_folders_with_equal_names(tmp_path):
    for i, name in enumerate(("2", "x/1", "10")):
        save(tmp_path / "photo" / f"{name}.png", noise(seed=i))
        save(tmp_path / "map" / f"{name}.bmp", noise(seed=i + 50))
    (tmp_path / "notes.txt").write_text("no picture")
    pairs = read(tmp_path)
    assert pairs.files[:3] == ("map/10.bmp", "map/2.bmp", "map/x/1.bmp")
    for i, seed in enumerate((2, 0, 1)):
        np.testing.assert_array_equal(pairs["source"].array[i], noise(seed=seed + 50))
        np.testing.assert_array_equal(pairs["target"].array[i], noise(seed=seed))
    (tmp_path / "photo" / "2.png").write_text("broken")
    with pytest.warns(UserWarning, match=r"1 of 3 .*photo/2\.png"):
        pairs = read(tmp_path)
    assert [len(images) for images in pairs.values()] == [2, 2]
    assert [file for file, _ in pairs.skipped] == [str(tmp_path / "photo" / "2.png")]
    np.testing.assert_array_equal(pairs["target"].array[1], noise(seed=1))


def test_arrays_and_their_files(tmp_path):
    a, b = np.stack([noise(seed=i) for i in range(4)]), np.eye(8)[np.newaxis] * 255
    b = b.repeat(4, axis=0).astype(np.uint8)
    for names in (("source", "target"), ("a", "b")):
        np.savez(tmp_path / "pairs.npz", **dict(zip(names, (a, b), strict=True)))
        for pairs in (
            datasets.read_pairs(f"pairs:{tmp_path}/pairs.npz"),
            datasets.read_pairs((a, b)),
        ):
            np.testing.assert_array_equal(pairs["source"].array, a)
            np.testing.assert_array_equal(pairs["target"].array[..., 0], b)
            assert pairs.shapes == {"source": (8, 8, 3), "target": (8, 8, 1)}
    turned = datasets.read_pairs((a, b), 4, load_size=6, direction="b-to-a")
    assert turned["source"].shape == (4, 4, 1)
    assert turned.stored["target"].shape == (6, 6, 3)


def test_crops_are_of_pictures_as_they_are(tmp_path):
    left, _ = side_by_side(tmp_path, "1.png", "2.png")
    pairs = read(tmp_path, 4, None, crop=True)
    np.testing.assert_array_equal(pairs["source"].array, left)
    assert pairs.shapes["source"] == (4, 4, 3)
    assert read(tmp_path, 4, 6, crop=True)["source"].shape == (6, 6, 3)


def test_both_parts_share_the_memory_budget(tmp_path):
    side_by_side(tmp_path, *(f"{i}.png" for i in range(10)))
    one = 10 * 8 * 8 * 3 / 1e6
    for budget, on_disk in ((2, [False, False]), (1.9, [False, True])):
        pairs = read(tmp_path, memory_budget=f"{budget * one:.6f}MB")
        arrays = [pairs.stored[name].array for name in pairs]
        assert [isinstance(a.base, np.memmap) for a in arrays] == on_disk, budget
    # Pictures at image_size count too.
    pairs = read(tmp_path, 7, memory_budget=f"{2 * one:.6f}MB")
    assert all(isinstance(pairs[name].array, np.memmap) for name in pairs)


def test_outlines_are_crisp():
    pairs = datasets.read_pairs("outlines", 32, load_size=32)
    assert pairs.shapes == {"source": (32, 32, 1), "target": (32, 32, 1)}
    source, target = (pairs[name].array for name in ("source", "target"))
    assert set(np.unique(source)) == {0, 255}
    np.testing.assert_array_equal(target, datasets.read("digits", 32).array)
    # An outline lies on the stroke of its digit and nowhere else.
    assert (target[source > 0] >= 96).all()
    assert 0.05 < (source > 0).mean() < 0.3
    turned = datasets.read_pairs("outlines", direction="b-to-a")
    np.testing.assert_array_equal(turned["target"].array, source)
    assert datasets.read_pairs("outlines", 32, 3)["source"].shape == (32, 32, 3)


@pytest.mark.parametrize("name", list(datasets.ANSWERS))
def test_domains_of_digits_have_a_right_answer(name):
    plain = datasets.read("digits-half", 12)
    other = datasets.read(name, 12)
    answer = datasets.ANSWERS[name]
    for images in (plain.array, np.repeat(plain.array, 3, axis=-1)):
        back = answer.back(answer.forward(images)).astype(int)
        assert np.abs(back[..., :1] - plain.array).max() <= 1
    # No digit is in both domains: together they are all digits, up to rounding.
    both = np.concatenate([plain.array, answer.back(other.array)[..., :1]])
    digits = datasets.read("digits", 12).array
    assert both.shape == digits.shape
    ours, theirs = (np.sort(part.sum((1, 2, 3), int)) for part in (both, digits))
    assert np.abs(ours - theirs).max() <= 144
    shares = np.bincount(plain.labels) / np.bincount(other.labels)
    assert shares.min() > 0.7 and shares.max() < 1.4
    in_colour = datasets.read(name, 12, channels=3)
    expected = conversion.resize_arrays(other.array, conversion.Form(channels=3))
    np.testing.assert_array_equal(in_colour.array, expected)


def refusals():
    def unequal_names(folder):
        for name in ("a/1.png", "a/2.png", "b/1.png", "b/3.png", "b/4.png"):
            save(folder / name, noise())

    yield (
        unequal_names,
        r"1 of 2 in 'a' \(2\.png\) and 2 of 3 in 'b' \(3\.png, 4\.png\)\. Rename",
    )

    def unequal_sizes(folder):
        for i, side in enumerate((8, 6, 9)):
            save(folder / "a" / f"{i}.png", noise())
            save(folder / "b" / f"{i}.png", noise(side, 8))

    yield (
        unequal_sizes,
        r"2 of 3 pairs .*a/1\.png' is 8x8 and '.*b/1\.png' 8x6, .*b/2\.png' 8x9.*fit",
    )
    yield (
        lambda folder: save(folder / "1.png", noise(8, 15)),
        r"1\.png' is 15x8 pixels .* even width",
    )

    def split(folder):
        for name in ("train", "val"):
            side_by_side(folder / name, "1.png")

    yield split, r"train, val, .* parts of a set .* Name one: pairs:.*/train\."

    def three(folder):
        for name in ("a", "b", "c"):
            save(folder / name / "1.png", noise())

    yield three, r"no pairs: 1 pictures in 'a', .* in 'c'\. .* two sub-folders"

    def loose(folder):
        three(folder)
        save(folder / "1.png", noise())

    yield loose, r"no pairs: .* 1 beside them"

    def one(folder):
        side_by_side(folder / "train", "1.png")

    yield one, r"Did you mean pairs:.*/train\?"
    yield lambda folder: None, r"no pairs: it is empty"

    def same_name(folder):
        for name in ("a/1.png", "a/1.jpg", "b/1.png"):
            save(folder / name, noise())

    yield same_name, r"1\.jpg' and '.*1\.png' have one name"

    def two_sizes(folder):
        side_by_side(folder, "1.png")
        save(folder / "2.png", noise(8, 18))

    yield two_sizes, r"1\.png' is 16x8 .*2\.png' 18x8.*load_size", True


@pytest.mark.parametrize("refusal", list(refusals()))
def test_folders_that_hold_no_pairs(tmp_path, refusal):
    make, said, *crop = refusal
    make(tmp_path)
    with pytest.raises(InputError, match=said):
        read(tmp_path, 4 if crop else 8, None if crop else 8, crop=bool(crop))


def test_stretched_pairs_may_differ_in_size(tmp_path):
    save(tmp_path / "a" / "1.png", noise())
    save(tmp_path / "b" / "1.png", noise(6, 4))
    assert len(read(tmp_path, fit="stretch")) == 1


@pytest.mark.parametrize(
    ("source", "options", "said"),
    [
        ((np.zeros((3, 4, 4)), np.zeros((2, 4, 4))), {}, "hold 3 and 2 images"),
        ((np.zeros((2, 4, 4)), np.zeros((2, 4, 5))), {}, "4x4 and 4x5 .*fit stretch"),
        (
            (np.zeros((2, 4, 4)), np.zeros((2, 4, 4, 2))),
            {},
            "second array .* 2 channels",
        ),
        (np.zeros((2, 4, 4)), {}, "type ndarray"),
        (
            "folder:.",
            {"image_size": 8},
            r"'folder:\.' is not .*Did you mean pairs:\.\?",
        ),
        ("outline", {}, "Did you mean 'outlines'"),
        ("outlines:8", {}, "does not have the form outlines"),
        ("pairs", {}, "does not have the form pairs:PATH"),
        ("pairs:nowhere", {"image_size": 8}, "'nowhere' does not exist. pairs:PATH"),
        ("pairs:nowhere.npz", {"image_size": 8}, r"'nowhere\.npz' cannot be read"),
        ("outlines", {"direction": "a-to-c"}, "direction is 'a-to-c'. Use a-to-b or"),
        (
            "outlines",
            {"load_size": 40},
            "load_size is 40x40, and image_size is not set",
        ),
        ("outlines", {"crop": True}, "crop is True, and image_size is not set"),
        (
            "outlines",
            {"image_size": 32, "load_size": 30},
            "load_size is 30x30, less than image_size, 32x32",
        ),
        ("outlines", {"channels": 2}, "channels is 2"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(source, options, said):
    with pytest.raises(InputError, match=said):
        datasets.read_pairs(source, **options)


def test_files_that_hold_no_two_arrays(tmp_path):
    np.savez(tmp_path / "x.npz", source=np.zeros((2, 4, 4)), other=np.zeros(3))
    np.save(tmp_path / "y.npy", np.zeros((2, 4, 4)))
    (tmp_path / "z.npz").write_text("broken")
    for name, said in (
        ("x.npz", "holds source, other. Store two arrays"),
        ("y.npy", "holds one array, and pairs need two"),
        ("z.npz", "cannot be read"),
    ):
        with pytest.raises(InputError, match=said):
            datasets.read_pairs(f"pairs:{tmp_path / name}")


def test_a_source_of_pairs_is_not_one_set():
    with pytest.raises(InputError, match="'outlines' is a source of pairs"):
        datasets.read("outlines")


def test_a_source_of_ones_own(monkeypatch):
    def mine(argument, forms, data_dir):
        return np.zeros((3, 4, 4), np.uint8), np.full((3, 4, 4), 255, np.uint8)

    source = datasets.Source("mine", "black and white", mine)
    monkeypatch.setitem(datasets.PAIRED_SOURCES, "mine", source)
    pairs = datasets.read_pairs("mine", 8)
    assert pairs["target"].array.min() == 255
    assert pairs.stored["source"].shape == (9, 9, 1)
