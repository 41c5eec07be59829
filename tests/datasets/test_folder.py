"""Folders of pictures, made by Pillow at test time."""

import os
import struct
import warnings
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_gan import datasets
from keras_gan.datasets import folder
from keras_gan.datasets.conversion import Form
from keras_gan.errors import InputError

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def quadrants():
    """32x32: red at top left, green right of it, blue at bottom left, white."""
    picture = Image.new("RGB", (32, 32), WHITE)
    for colour, corner in ((RED, (0, 0)), (GREEN, (16, 0)), (BLUE, (0, 16))):
        picture.paste(colour, (*corner, corner[0] + 16, corner[1] + 16))
    return picture


def read_one(folder, picture, name="a.png", size=None, channels=None, **options):
    """Save one picture, and return it as read through the folder."""
    picture.save(folder / name, **options)
    size = size or picture.size[::-1]
    return datasets.read(f"folder:{folder}", size, channels).array[0]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.png", {}),
        ("a.PNG", {}),
        ("a.bmp", {}),
        ("a.gif", {}),
        ("a.webp", {"lossless": True}),
        ("a.jpg", {"quality": 100, "subsampling": 0}),
        ("a.JPEG", {"quality": 100, "subsampling": 0}),
    ],
)
def test_formats(tmp_path, name, options):
    pixels = read_one(tmp_path, quadrants(), name, **options)
    assert pixels.shape == (32, 32, 3)
    error = np.abs(pixels.astype(int) - np.asarray(quadrants()))
    assert error.max() <= (2 if "j" in name.lower() else 0)


# What the EXIF standard says of the tag: where row 0 and column 0 of the file lie in
# the picture, as the viewer sees it.
@pytest.mark.parametrize(
    ("orientation", "row_0", "column_0"),
    [
        (1, "top", "left"),
        (2, "top", "right"),
        (3, "bottom", "right"),
        (4, "bottom", "left"),
        (5, "left", "top"),
        (6, "right", "top"),
        (7, "right", "bottom"),
        (8, "left", "bottom"),
    ],
)
def test_exif_orientation(tmp_path, orientation, row_0, column_0):
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = read_one(tmp_path, quadrants(), "a.jpg", quality=95, exif=exif)
    red = {row_0, column_0}  # the file's red corner lies in its row 0 and column 0
    y = 4 if "top" in red else 27
    x = 4 if "left" in red else 27
    np.testing.assert_allclose(pixels[y, x], RED, atol=6)
    # Green is at the other end of row 0, so it moves along that side.
    if row_0 in ("top", "bottom"):
        x = 31 - x
    else:
        y = 31 - y
    np.testing.assert_allclose(pixels[y, x], GREEN, atol=6)


def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path):
    values = np.array([[0, 257, 32896], [65535, 128, 129]], np.uint16)
    pixels = read_one(tmp_path, Image.fromarray(values), channels=1)
    assert pixels[..., 0].tolist() == [[0, 1, 128], [255, 0, 1]]
    pixels = datasets.read(f"folder:{tmp_path}", (2, 3), 3).array[0]
    assert pixels[1, 0].tolist() == [255, 255, 255]


def test_twelve_bits_fill_the_range_of_the_folder(tmp_path):
    for i, top in enumerate((2000, 4095, 1000)):
        Image.fromarray(np.array([[0, top]], np.uint16)).save(tmp_path / f"{i}.png")
    images = datasets.read(f"folder:{tmp_path}", (1, 2))
    assert images.array[..., 0].tolist() == [[[0, 125]], [[0, 255]], [[0, 62]]]
    assert "from 0 (black) to 4095 (white)" in images.summary


def test_sixteen_bit_colours_have_the_levels_that_are_given(tmp_path):
    values = np.array([[[0, 1000, 2000], [4000, 5000, 300]]], np.uint16)
    (tmp_path / "a.png").write_bytes(tf.io.encode_png(values).numpy())
    expected = [[[0, 64, 128], [255, 255, 19]]]  # of 0 to 4000
    images = datasets.read(f"folder:{tmp_path}", (1, 2), levels=(0, 4000))
    assert images.array[0].tolist() == expected
    form = Form(size=(1, 2), channels=3, levels=(0, 4000))
    found = folder.read_files([tmp_path / "a.png"], form)
    assert found[0].tolist() == expected
    # An older run reads them as it did, by the upper 8 bits.
    old = datasets.read(f"folder:{tmp_path}", (1, 2), levels=(0, 65535))
    assert old.array[0].tolist() == [[[0, 3, 7], [15, 19, 1]]]


def test_content_decides_and_the_rest_is_counted(tmp_path):
    for name, kind in {
        "a.jfif": "JPEG",
        "b.jpe": "JPEG",
        "c": "PNG",
        "d.jpg": "PNG",
        "e.tif": "TIFF",
        "f.avif": "AVIF",
    }.items():
        quadrants().save(tmp_path / name, kind)
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0\x1cftypheic" + bytes(40))
    (tmp_path / "x.psd").write_bytes(b"8BPS" + bytes(40))
    with pytest.warns(UserWarning, match="2 of 8"):
        images = datasets.read(f"folder:{tmp_path}", 8)
    assert len(images) == 6
    assert "2 JPEG" in images.summary and "1 .txt" in images.summary
    assert "PSD" in images.skipped[1][1]


def test_channels_follow_the_pictures(tmp_path):
    Image.new("L", (8, 8), 7).save(tmp_path / "a.png")
    assert datasets.read(f"folder:{tmp_path}", 8).shape == (8, 8, 1)
    Image.new("RGB", (8, 8), (9, 9, 9)).save(tmp_path / "grey_in_colour.png")
    assert datasets.read(f"folder:{tmp_path}", 8).shape == (8, 8, 1)
    quadrants().save(tmp_path / "b.png")
    assert datasets.read(f"folder:{tmp_path}", 8).shape == (8, 8, 3)
    for name in "cdef":
        Image.new("RGBA", (8, 8), (1, 2, 3, 100)).save(tmp_path / f"{name}.png")
    assert datasets.read(f"folder:{tmp_path}", 8).shape == (8, 8, 4)


def test_fit(tmp_path):
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, :10], wide[:, 20:] = RED, BLUE
    Image.fromarray(wide).save(tmp_path / "a.png")

    def read(fit):
        return datasets.read(f"folder:{tmp_path}", 30, 3, fit=fit).array[0]

    assert read("crop")[:, 5:25].max() == 0
    stretched = read("stretch")
    assert stretched[0, 0].tolist() == list(RED)
    assert stretched[29, 29].tolist() == list(BLUE)
    padded = read("pad")
    assert padded[15, 2].tolist() == list(RED)
    wide[:] = GREEN
    wide[3:7, 5:25] = RED
    Image.fromarray(wide).save(tmp_path / "a.png")
    padded = read("pad")
    assert padded[15, 15].tolist() == list(RED)
    assert padded[2, 2].tolist() == padded[28, 28].tolist() == list(GREEN)
    with pytest.raises(InputError, match="Did you mean 'stretch'"):
        read("strech")


def test_sixteen_bit_colour(tmp_path):
    # Pillow does not write these, so this is the PNG specification by hand.
    def chunk(kind, body):
        checksum = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)

    # The 8 bits that Pillow keeps of these are all 0.
    row = struct.pack(">B6H", 0, 255, 128, 0, 10, 20, 30)
    (tmp_path / "a.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">2I5B", 2, 1, 16, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(row))
        + chunk(b"IEND", b"")
    )
    images = datasets.read(f"folder:{tmp_path}", (1, 2))
    assert images.array[0].tolist() == [[[255, 128, 0], [10, 20, 30]]]
    assert "from 0 (black) to 255 (white)" in images.summary
    assert "read with 8" not in images.summary


def test_alpha_is_laid_over_white(tmp_path):
    picture = Image.new("RGBA", (3, 1))
    picture.putdata([(255, 0, 0, 255), (255, 0, 0, 51), (0, 0, 0, 0)])
    pixels = read_one(tmp_path, picture, channels=3)
    assert pixels.tolist() == [[[255, 0, 0], [255, 204, 204], [255, 255, 255]]]
    grey = datasets.read(f"folder:{tmp_path}", (1, 3), 1).array[0]
    assert grey.tolist() == [[[76], [219], [255]]]  # 0.299 R + 0.587 G + 0.114 B
    kept = datasets.read(f"folder:{tmp_path}", (1, 3), 4).array[0]
    assert kept.tolist() == [[[255, 0, 0, 255], [255, 0, 0, 51], [0, 0, 0, 0]]]


def test_hidden_colour_does_not_bleed_into_a_resized_picture(tmp_path):
    picture = Image.new("RGBA", (64, 64), (0, 255, 0, 0))  # invisible green
    picture.paste((255, 0, 0, 255), (0, 0, 64, 32))
    pixels = read_one(tmp_path, picture, size=(8, 8), channels=4)
    assert pixels[..., 1].max() == 0


def test_grey_with_alpha(tmp_path):
    picture = Image.new("LA", (2, 1))
    picture.putdata([(0, 255), (0, 0)])
    assert read_one(tmp_path, picture, channels=1).tolist() == [[[0], [255]]]


def test_palette(tmp_path):
    picture = Image.new("P", (3, 1))
    picture.putpalette([*RED, *GREEN, *BLUE])
    picture.putdata([2, 0, 1])
    assert read_one(tmp_path, picture).tolist() == [
        [list(BLUE), list(RED), list(GREEN)]
    ]
    see_through = read_one(tmp_path, picture, channels=3, transparency=0)
    assert see_through.tolist() == [[list(BLUE), list(WHITE), list(GREEN)]]


def test_grey_and_black_and_white(tmp_path):
    grey = Image.new("L", (2, 2), 77)
    assert np.unique(read_one(tmp_path, grey)).tolist() == [77]
    bits = Image.new("1", (2, 2), 1)
    assert np.unique(read_one(tmp_path, bits)).tolist() == [255]


def test_colour_to_grey_uses_luma(tmp_path):
    picture = Image.new("RGB", (3, 1))
    picture.putdata([RED, GREEN, BLUE])
    assert read_one(tmp_path, picture, channels=1).tolist() == [[[76], [150], [29]]]


def test_cmyk_jpeg(tmp_path):
    picture = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    np.testing.assert_allclose(read_one(tmp_path, picture, "a.jpg")[8, 8], RED, atol=4)


@pytest.mark.parametrize("name", ["a.gif", "a.webp"])
def test_first_frame(tmp_path, name):
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, GREEN, BLUE)]
    options = {"save_all": True, "append_images": frames[1:], "lossless": True}
    assert read_one(tmp_path, frames[0], name, **options)[4, 4].tolist() == list(RED)


def test_multi_picture_jpeg_of_a_phone(tmp_path):
    frames = [Image.new("RGB", (16, 16), colour) for colour in (RED, BLUE)]
    frames[0].save(tmp_path / "a.mpo", save_all=True, append_images=frames[1:])
    (tmp_path / "a.mpo").rename(tmp_path / "a.jpg")
    pixels = datasets.read(f"folder:{tmp_path}", 16).array[0]
    np.testing.assert_allclose(pixels[8, 8], RED, atol=4)


def test_large_jpeg_is_that_of_a_full_decode(tmp_path):
    random = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    picture = Image.fromarray(random).resize((1600, 1200))
    pixels = read_one(tmp_path, picture, "a.jpg", size=(24, 32))
    with Image.open(tmp_path / "a.jpg") as full:
        expected = np.asarray(full.resize((32, 24), Image.Resampling.BICUBIC), int)
    assert np.abs(pixels - expected).max() <= 3


def test_crop_is_from_the_centre(tmp_path):
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 255
    pixels = read_one(tmp_path, Image.fromarray(wide), size=10)
    assert pixels.min() == 255  # exactly the ten columns in the middle
    tall = Image.fromarray(wide.transpose(1, 0, 2))
    assert read_one(tmp_path, tall, size=10).min() == 255
    assert read_one(tmp_path, tall, size=(30, 10)).mean() == pytest.approx(85)


def test_resize_is_antialiased(tmp_path):
    board = (np.indices((128, 128)).sum(0) % 2 * 255).astype(np.uint8)
    pixels = read_one(tmp_path, Image.fromarray(board), size=16)
    assert np.abs(pixels.astype(int) - 127.5).max() < 4


def test_classes_are_the_first_level_of_sub_folders(tmp_path):
    for place in ("dogs/a.png", "cats/x/b.png", "cats/a.png"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), 200 if "cats" in place else 10).save(tmp_path / place)
    images = datasets.read(f"folder:{tmp_path}", 4)
    assert images.class_names == ("cats", "dogs")
    assert images.labels.tolist() == [0, 0, 1]
    assert images.array[:, 0, 0, 0].tolist() == [200, 200, 10]
    Image.new("L", (4, 4)).save(tmp_path / "loose.png")
    assert datasets.read(f"folder:{tmp_path}", 4).labels is None
    assert datasets.read(f"folder:{tmp_path}/cats", 4).labels is None


def test_one_sub_folder_is_no_class(tmp_path):
    (tmp_path / "all").mkdir()
    Image.new("L", (4, 4)).save(tmp_path / "all" / "a.png")
    images = datasets.read(f"folder:{tmp_path}", 4)
    assert (images.labels, images.class_names) == (None, None)


def test_order_is_that_of_the_names(tmp_path):
    for value, name in enumerate(("c", "a", "e", "b", "d")):
        Image.new("L", (4, 4), value).save(tmp_path / f"{name}.png")
    images = datasets.read(f"folder:{tmp_path}", 4, 1)
    assert images.array[:, 0, 0, 0].tolist() == [1, 3, 0, 4, 2]


def test_unreadable_files_are_skipped_and_named(tmp_path):
    for value, name in enumerate(("a", "d", "f")):
        Image.new("L", (4, 4), value).save(tmp_path / f"{name}.png")
    quadrants().resize((300, 300)).save(tmp_path / "b.jpg")
    (tmp_path / "b.jpg").write_bytes((tmp_path / "b.jpg").read_bytes()[:1500])
    (tmp_path / "c.png").write_text("not a picture")
    (tmp_path / "e.webp").write_bytes(b"")
    with pytest.warns(UserWarning, match=r"3 of 6 .*b\.jpg"):
        images = datasets.read(f"folder:{tmp_path}", 4, 1)
    assert images.array[:, 0, 0, 0].tolist() == [0, 1, 2]
    names = [os.path.basename(file) for file, _ in images.skipped]
    assert names == ["b.jpg", "c.png", "e.webp"]
    assert "truncated" in images.skipped[0][1]
    assert all(reason for _, reason in images.skipped)


def test_labels_skip_with_their_files(tmp_path):
    for name in ("x/a.png", "x/b.png", "y/a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("L", (4, 4)).save(tmp_path / name)
    (tmp_path / "x" / "a.png").write_text("broken")
    with pytest.warns(UserWarning, match="1 of 3"):
        assert datasets.read(f"folder:{tmp_path}", 4).labels.tolist() == [0, 1]


@pytest.mark.parametrize("limit", [9_000, 2_000])  # Pillow warns, or raises
def test_decompression_bombs_are_skipped(tmp_path, monkeypatch, limit):
    Image.new("L", (100, 100)).save(tmp_path / "bomb.png")
    Image.new("L", (4, 4)).save(tmp_path / "fine.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        images = datasets.read(f"folder:{tmp_path}", 4)
    assert len(images) == 1
    assert "DecompressionBomb" in images.skipped[0][1]
    said = [str(w.message) for w in caught if "known weak" not in str(w.message)]
    assert [sentence[:6] for sentence in said] == ["1 of 2"]


def test_hidden_and_other_files_are_ignored(tmp_path):
    (tmp_path / ".cache").mkdir()
    for name in ("a.png", ".b.png", ".cache/c.png"):
        Image.new("L", (4, 4)).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("hello")
    images = datasets.read(f"folder:{tmp_path}", 4)
    assert (len(images), images.skipped) == (1, ())


def test_what_a_system_put_there_is_no_class(tmp_path):
    for place in ("cats/a", "dogs/a", "__MACOSX/cats/a", "@eaDir/b", "$RECYCLE.BIN/c"):
        path = tmp_path / f"{place}.png"
        path.parent.mkdir(parents=True)
        quadrants().save(path)
    for name in ("cats/.DS_Store", "cats/._a.png", "dogs/Thumbs.db"):
        (tmp_path / name).write_bytes(b"\0\1\2")
    images = datasets.read(f"folder:{tmp_path}", 4)
    assert images.class_names == ("cats", "dogs")
    assert (len(images), images.skipped) == (2, ())
    for note in ("3 hidden or system folder", "2 hidden", "1 .db"):
        assert note in images.summary


def test_names_stay_on_one_line_and_are_text(tmp_path):
    for name in (b"two\nlines", b"no\xfftext", "né\u200cé".encode()):
        path = os.path.join(os.fsencode(tmp_path), name)
        os.mkdir(path)
        quadrants().save(os.fsdecode(path) + "/a b.png")
    images = datasets.read(f"folder:{tmp_path}", 4)
    assert images.class_names == (r"no\udcfftext", "né\u200cé", r"two\nlines")
    assert len(images.summary.splitlines()) == 1
    assert images.summary.encode()


def test_a_link_or_pipe_without_content_is_named(tmp_path):
    quadrants().save(tmp_path / "a.png")
    (tmp_path / "dangling.png").symlink_to("nowhere.png")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe.gif")
    with pytest.warns(UserWarning, match=r"3 of 4 .*dangling\.png"):
        images = datasets.read(f"folder:{tmp_path}", 4)
    assert {reason for _, reason in images.skipped} == {
        "OSError: not a file, or a broken link"
    }
    assert "1 without ending" in images.summary


@pytest.mark.parametrize(
    ("name", "rest"),
    [("a.gif", b""), ("a.png", b"\x89PNG\r\n\x1a\nxxxx"), ("a.bmp", b"BM" + bytes(30))],
)
def test_reasons_are_about_the_file(tmp_path, name, rest):
    quadrants().save(tmp_path / "fine.png")
    (tmp_path / name).write_bytes(rest or b"GIF89a")
    with pytest.warns(UserWarning, match="1 of 2"):
        ((_, reason),) = datasets.read(f"folder:{tmp_path}", 4).skipped
    assert "BufferedReader" not in reason


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tiff", "avif"])
def test_size_is_that_of_the_turned_picture(tmp_path, ending):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.new("RGB", (24, 16), BLUE)
    picture.paste(RED, (0, 0, 12, 16))
    picture.save(tmp_path / f"a.{ending}", exif=exif)
    images = datasets.read(f"folder:{tmp_path}", (24, 16))
    np.testing.assert_allclose(images.array[0, 2, 8], RED, atol=6)
    np.testing.assert_allclose(images.array[0, 21, 8], BLUE, atol=6)
    assert "of 16x24 pixels" in images.summary
    assert "another shape" not in images.summary


def test_what_pictures_are_like_is_counted(tmp_path):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (16, 16, 3), np.uint8)
    almost_grey = np.repeat(noise[..., :1], 3, axis=-1)
    Image.fromarray(almost_grey).save(tmp_path / "grey.png")
    almost_grey[13, 5, 1] ^= 128  # a pixel that a look at every eighth row misses
    Image.fromarray(almost_grey).save(tmp_path / "not_grey.png")
    spot = np.full((16, 16, 3), (9, 4, 4), np.uint8)
    Image.fromarray(spot).save(tmp_path / "dark_and_blank.png")
    spot[13, 5] = (200, 4, 4)
    Image.fromarray(spot).save(tmp_path / "spot.png")
    Image.fromarray(noise).save(tmp_path / "noise.png")
    Image.fromarray(noise).save(tmp_path / "noise2.png")
    summary = datasets.read(f"folder:{tmp_path}", 16).summary
    for note in (
        "; 1 grey;",
        "; 1 of one value only;",
        "; 1 nearly black",
        "; 1 the same as another, such as 'noise2.png' as 'noise.png'.",
    ):
        assert note in summary


def test_only_the_first_of_several_frames_is_read(tmp_path):
    for name in ("a.gif", "b.webp", "c.png", "d.TIFF", "e.avif"):
        frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, GREEN, BLUE)]
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
    images = datasets.read(f"folder:{tmp_path}", 8)
    assert "5 of several frames or pages; only the first" in images.summary
    np.testing.assert_allclose(images.array[:, 4, 4], [RED] * 5, atol=4)


def test_a_transparent_value_of_sixteen_bits_is_told(tmp_path):
    values = np.array([[0, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png", transparency=0)
    images = datasets.read(f"folder:{tmp_path}", (1, 2))
    assert images.array.ravel().tolist() == [0, 255]
    assert "1 with a value for transparency" in images.summary


def test_links_are_followed_and_do_not_loop(tmp_path):
    elsewhere, root = tmp_path / "elsewhere", tmp_path / "root"
    elsewhere.mkdir()
    (root / "own").mkdir(parents=True)
    Image.new("L", (4, 4)).save(elsewhere / "a.png")
    Image.new("L", (4, 4)).save(root / "own" / "b.png")
    (root / "linked").symlink_to(elsewhere, target_is_directory=True)
    (root / "own" / "up").symlink_to(root, target_is_directory=True)
    images = datasets.read(f"folder:{root}", 4)
    assert images.class_names == ("linked", "own")
    assert len(images) == 2


def test_folders_that_cannot_be(tmp_path):
    (tmp_path / "file.png").write_text("broken")
    (tmp_path / "empty").mkdir()
    for path, named in {
        "missing": "missing.*does not exist",
        "file.png": "is not a folder",
        "empty": r"empty.*holds no picture",
        ".": r"1 of 1 .*file\.png",
    }.items():
        with pytest.raises(InputError, match=named):
            datasets.read(f"folder:{tmp_path}/{path}", 4)
    with pytest.raises(InputError, match=r"1 of 1 .*file\.png"):
        datasets.read(f"folder:{tmp_path}")


def test_pictures_of_one_size_need_no_size(tmp_path):
    upright = Image.new("RGB", (4, 6), RED)
    upright.save(tmp_path / "a.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.new("RGB", (6, 4), RED).save(tmp_path / "b.jpg", exif=exif)
    (tmp_path / "c.png").write_text("broken")
    with pytest.warns(UserWarning, match=r"c\.png"):
        assert datasets.read(f"folder:{tmp_path}").array.shape == (2, 6, 4, 3)
    Image.new("RGB", (6, 4), RED).save(tmp_path / "d.png")
    with pytest.raises(
        InputError, match=r"a\.png' is 4x6 .* and '.*d\.png' 6x4.*image_size"
    ):
        datasets.read(f"folder:{tmp_path}")


def test_real_photographs(real_data, tmp_path):
    with np.load(real_data / "faces" / "utkface_5000.npz") as pack:
        ends = pack["offsets"][:41]
        files = np.split(pack["jpeg"][: ends[-1]], ends[1:-1])
    for position, file in enumerate(files):
        (tmp_path / f"{position:02}.jpg").write_bytes(file.tobytes())
    images = datasets.read(f"folder:{tmp_path}", 64)
    assert images.array.shape == (40, 64, 64, 3)
    assert images.skipped == ()
    # A face lies in the middle: Pillow's own pixels, averaged over 200 -> 8 squares.
    for position in (0, 17, 39):
        original = np.asarray(Image.open(tmp_path / f"{position:02}.jpg"), float)
        coarse = original.reshape(8, 25, 8, 25, 3).mean((1, 3))
        ours = images.array[position].reshape(8, 8, 8, 8, 3).mean((1, 3))
        np.testing.assert_allclose(ours, coarse, atol=6)
