"""A corpus of picture files as people's folders hold them: odd, broken and hostile.

`write(folder)` makes them. Every good one shows red at its left and blue at its right,
however it is stored, so that one look at the pixels tells whether it was read rightly.
"""

import os
import struct
import zlib

import numpy as np
from PIL import Image

SIDE = 16
RED, BLUE = (255, 0, 0), (0, 0, 255)


def halves(side=SIDE):
    """Returns the picture that all good files show."""
    picture = Image.new("RGB", (side, side), RED)
    picture.paste(BLUE, (side // 2, 0, side, side))
    return picture


def write(folder) -> tuple[dict[str, str], set[str]]:
    """Writes the corpus.

    Returns:
        What each readable file shows, "halves" or "white", and the names of the files
        that have to be left out; both by the path below the folder.
    """
    corpus = _Corpus(folder)
    for fill in (
        _formats,
        _orientations,
        _metadata,
        _names,
        _sizes,
        _not_pictures,
        _other_formats,
        _cut_short,
        _spoilt,
        _not_files,
    ):
        fill(corpus)
    return corpus.good, corpus.bad


class _Corpus:
    def __init__(self, folder):
        self.folder = folder
        self.good = {}
        self.bad = set()

    def path(self, name):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def save(self, name, picture, shows="halves", **options):
        picture.save(self.path(name), **options)
        self.good[name] = shows

    def spoil(self, name, content):
        self.path(name).write_bytes(content)
        self.bad.add(name)

    def bytes_of(self, name):
        return (self.folder / name).read_bytes()


def _formats(corpus):
    picture = halves()
    corpus.save("plain.png", picture)
    corpus.save("plain.bmp", picture)
    corpus.save("plain.gif", picture)
    corpus.save("plain.webp", picture, lossless=True)
    corpus.save("plain.jpg", picture, quality=100, subsampling=0)
    corpus.save("progressive.jpg", picture, progressive=True, quality=100)
    corpus.save("cmyk.jpg", picture.convert("CMYK"), quality=100)
    corpus.path("interlaced.png").write_bytes(_png(picture, interlaced=True))
    corpus.good["interlaced.png"] = "halves"
    corpus.path("sixteen bits.png").write_bytes(_png(picture, sixteen_bits=True))
    corpus.good["sixteen bits.png"] = "halves"
    corpus.save("palette.png", picture.convert("P", palette=Image.Palette.ADAPTIVE))
    corpus.save("alpha.png", picture.convert("RGBA"))
    transparent = Image.new("P", (SIDE, SIDE), 0)
    transparent.putpalette([*BLUE, *RED])
    corpus.save("see-through palette.png", transparent, "white", transparency=0)
    corpus.save("see-through.png", Image.new("RGBA", (SIDE, SIDE), 0), "white")
    corpus.save("grey with alpha.png", Image.new("LA", (SIDE, SIDE), 0), "white")
    corpus.save("black and white.png", Image.new("1", (SIDE, SIDE), 1), "white")
    later = Image.new("RGB", (SIDE, SIDE), "green")
    for name in ("animated.gif", "animated.webp"):
        options = {"lossless": True} if name.endswith("webp") else {}
        corpus.save(name, picture, save_all=True, append_images=[later], **options)


def _orientations(corpus):
    # What a camera does that was held so; EXIF tells how to undo it.
    turns = [
        *[None, "FLIP_LEFT_RIGHT", "ROTATE_180", "FLIP_TOP_BOTTOM"],
        *["TRANSPOSE", "ROTATE_90", "TRANSVERSE", "ROTATE_270"],
    ]
    for i, turn in enumerate(turns, start=1):
        exif = Image.Exif()
        exif[0x0112] = i
        picture = halves()
        if turn is not None:
            picture = picture.transpose(Image.Transpose[turn])
        corpus.save(f"exif/{i}.png", picture, exif=exif)


def _metadata(corpus):
    picture = halves()
    corpus.save("broken exif.jpg", picture, quality=100, exif=b"Exif\0\0II*\0\xff\xff")
    corpus.save("broken profile.png", picture, icc_profile=b"no profile")
    corpus.save("huge comment.gif", picture, comment=b"x" * 60_000)


def _names(corpus):
    picture = halves()
    for name in ("with spaces .png", "with\nnewline.png", "ümläut 字.png", "A.PNG"):
        corpus.save(name, picture)
    raw = os.fsdecode(b"not utf-8 \xff\xfe.png")
    picture.save(os.fsencode(corpus.folder) + b"/" + os.fsencode(raw), "PNG")
    corpus.good[raw] = "halves"
    corpus.save("deep/below/many/folders.png", picture)
    picture.save(corpus.path("a png.jpg"), "PNG")  # its content decides
    corpus.good["a png.jpg"] = "halves"


def _sizes(corpus):
    white = "white"
    corpus.save("one pixel.png", Image.new("RGB", (1, 1), white), white)
    corpus.save("very tall.png", Image.new("RGB", (1, 10_000), white), white)
    corpus.save("very wide.png", Image.new("RGB", (10_000, 1), white), white)
    corpus.save("large.jpg", halves(2000), quality=95)


def _not_pictures(corpus):
    corpus.spoil("empty.png", b"")
    corpus.spoil("empty.jpg", b"")
    corpus.spoil("text.png", b"a note that somebody renamed\n")
    corpus.spoil("page.jpg", b"<!DOCTYPE html><html><body>404 Not Found</body></html>")
    corpus.spoil("zeros.webp", bytes(1000))
    corpus.spoil("bad\nnewline.png", b"not a picture")
    corpus.spoil(os.fsdecode(b"bad \xff bytes.png"), b"not a picture")
    corpus.spoil("archive.png", b"PK\x03\x04" + bytes(100))
    corpus.spoil("script.jpg", b"#!/bin/sh\ntouch harm\n")


def _other_formats(corpus):
    """Formats that are not accepted: some of them run programs or read other files."""
    corpus.spoil("drawing.png", b'<svg xmlns="http://www.w3.org/2000/svg"/>')
    corpus.spoil("program.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    halves().save(corpus.path("tiff.png"), "TIFF")
    halves().save(corpus.path("pdf.jpg"), "PDF")
    halves().save(corpus.path("icon.bmp"), "ICO")
    corpus.good["tiff.png"] = "halves"  # its content decides
    corpus.bad |= {"pdf.jpg", "icon.bmp"}


def _cut_short(corpus):
    # Their pictures have noise: of a plain one little is missing.
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    for suffix in ("png", "jpg", "gif", "webp", "bmp"):
        whole = corpus.path(f"whole.{suffix}")
        Image.fromarray(noise).save(whole)
        content = whole.read_bytes()
        whole.unlink()
        for percent in (1, 10, 50, 90):
            cut = content[: len(content) * percent // 100]
            corpus.spoil(f"cut/{percent}.{suffix}", cut)


def _spoilt(corpus):
    good = corpus.bytes_of("plain.png")
    corpus.spoil("wrong checksum.png", good.replace(good[-20:-16], b"\1\2\3\4"))
    corpus.spoil("head only.png", good[:33])
    bomb = b"\x89PNG\r\n\x1a\n" + _chunk(
        b"IHDR", struct.pack(">2I5B", 20_000, 20_000, 1, 0, 0, 0, 0)
    )
    rows = zlib.compress(bytes((20_000 // 8 + 1) * 20_000))
    corpus.spoil("bomb.png", bomb + _chunk(b"IDAT", rows) + _chunk(b"IEND", b""))
    corpus.spoil("no pixels.png", good[:16] + struct.pack(">2I", 0, 0) + good[24:])


def _not_files(corpus):
    for name, target in {
        "link to nothing.png": "not there.png",
        "endless.png": "/dev/zero",
        "link to itself.png": "link to itself.png",
    }.items():
        corpus.path(name).symlink_to(target)
        corpus.bad.add(name)
    os.mkfifo(corpus.path("pipe.png"))
    corpus.bad.add("pipe.png")
    corpus.path("a folder.png").mkdir()  # holds nothing, and is no file
    corpus.path("loop").symlink_to(corpus.folder)
    # Neither pictures nor worth a word.
    for name in (".hidden.png", ".DS_Store", "Thumbs.db", "notes.txt", ".git/a.png"):
        corpus.path(name).write_bytes(b"system file")


def _chunk(kind, body):
    checksum = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def _png(picture, interlaced=False, sixteen_bits=False):
    """Returns a PNG file of a kind that Pillow reads and does not write."""
    array = np.asarray(picture)
    if sixteen_bits:
        array = (array.astype(">u2") * 257).astype(">u2")
    # Adam7: first row and column of each pass, and its steps (PNG specification, 8.2).
    passes = [
        *[(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2)],
        *[(0, 1, 2, 2), (1, 0, 2, 1)],
    ]
    parts = [array[y::dy, x::dx] for y, x, dy, dx in passes] if interlaced else [array]
    rows = b"".join(b"\0" + row.tobytes() for part in parts for row in part)
    head = struct.pack(
        ">2I5B", *picture.size, 16 if sixteen_bits else 8, 2, 0, 0, interlaced
    )
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", head)
        + _chunk(b"IDAT", zlib.compress(rows))
        + _chunk(b"IEND", b"")
    )
