"""Kinds of picture files, recognised by the first bytes of their content."""

import contextlib
import re
from pathlib import Path
from typing import BinaryIO

from PIL import ExifTags, Image, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

HEAD = 132  # bytes that tell the kind of a file; DICOM has its mark at the end

# The only decoders that Pillow may use. Every further decoder is one more that a
# hostile file could attack, and some run programs or open other files.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "AVIF", "PPM")

_HEIF_EXTRA = "HEIC files need pillow-heif: pip install '.[heif]'"
# Messages for picture formats that are not read here: what to do about them.
_UNREADABLE = {
    "HEIC": _HEIF_EXTRA,
    "camera raw": "camera raw files cannot be read: export them as TIFF or JPEG",
    **{
        name: f"{name} files cannot be read: convert them to PNG or JPEG"
        for name in (
            *("JPEG XL", "JPEG 2000", "PSD", "OpenEXR", "DICOM", "SVG", "EPS"),
            *("ICO", "TGA", "DDS", "QOI", "PCX", "XCF", "HDR", "FITS", "NIfTI"),
        )
    },
}
_RAW_SUFFIXES = frozenset(
    [
        *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dng", ".erf", ".iiq"),
        *(".kdc", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw"),
        *(".rw2", ".sr2", ".srf", ".srw", ".x3f"),
    ]
)
# Endings of pictures. A file with any other ending is judged by its content.
SUFFIXES = _RAW_SUFFIXES.union(
    [
        *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".webp"),
        *(".bmp", ".dib", ".gif", ".tif", ".tiff", ".avif", ".avifs", ".ppm"),
        *(".pgm", ".pbm", ".pnm", ".mpo", ".heic", ".heif", ".hif", ".heics"),
        *(".jxl", ".jp2", ".j2k", ".jpf", ".jpx", ".psd", ".psb", ".exr"),
        *(".dcm", ".svg", ".eps", ".ico", ".tga", ".dds", ".qoi", ".pcx"),
        *(".xcf", ".hdr", ".fits", ".nii"),
    ]
)

_MAGIC = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"\0\0\0\x0cJXL \r\n\x87\n": "JPEG XL",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"8BPS": "PSD",
    b"v/1\x01": "OpenEXR",
    b"<svg": "SVG",
    b"DDS ": "DDS",
    b"qoif": "QOI",
    b"gimp xcf": "XCF",
    b"#?RADIANCE": "HDR",
    b"SIMPLE  =": "FITS",
    b"FUJIFILMCCD-RAW": "camera raw",
    b"IIRO": "camera raw",
    b"IIU\0": "camera raw",
}
_BY_SUFFIX = {
    **dict.fromkeys(_RAW_SUFFIXES, "camera raw"),
    **{".svg": "SVG", ".eps": "EPS", ".tga": "TGA", ".pcx": "PCX", ".dcm": "DICOM"},
    **{".ico": "ICO", ".nii": "NIfTI", ".jxl": "JPEG XL"},
}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_BMP_HEADERS = {12, 16, 40, 52, 56, 64, 108, 124}  # sizes in all versions of BMP


def kind_of(head: bytes, suffix: str) -> str | None:
    """Return what kind of picture a file holds.

    Args:
        head: the first `HEAD` bytes of the file, or all bytes of a shorter file.
        suffix: of its name, in lower case. It decides only if the content does not:
            the raw file of a camera, for example, is a TIFF file by its content.

    Returns:
        One of `FORMATS`, the name of a format that is not read, or None if the file is
        not a picture.
    """
    kind = _by_content(head, suffix)
    if kind in (None, "TIFF") and head:
        kind = _BY_SUFFIX.get(suffix, kind)
    return kind


def _by_content(head, suffix):
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    # A text can begin with these bytes too, so the suffix must agree.
    if re.match(rb"P[1-6]\s+[\d#]", head) and suffix in {"", *SUFFIXES}:
        return "PPM"
    if head[128:132] == b"DICM":
        return "DICOM"
    if head[4:8] == b"ftyp":
        length = int.from_bytes(head[:4], "big")
        brands = {head[i : i + 4] for i in (8, *range(16, min(length, len(head)), 4))}
        if brands & {b"avif", b"avis"}:
            return "AVIF"
        if brands & _HEIF_BRANDS:
            return "HEIC"
        if b"crx " in brands:
            return "camera raw"
    return None


def open_picture(stream: BinaryIO, kind: str | None) -> Image.Image:
    """Open a picture with the one decoder of its kind.

    Args:
        stream: at the beginning of the file.
        kind: as `kind_of` returns it.

    Raises:
        OSError: if the kind is not read (the message says what to do), or the file is
            damaged.
    """
    if kind == "HEIC":
        with contextlib.suppress(ImportError):
            import pillow_heif

            return pillow_heif.HeifImageFile(stream)
    if kind is None:
        raise OSError("cannot identify image file by its content")
    if kind not in FORMATS:
        raise OSError(_UNREADABLE[kind])
    try:
        return Image.open(stream, formats=(kind,))
    except UnidentifiedImageError:  # its message names an object of this process
        raise OSError(f"it begins like {kind} but is damaged") from None


def looks_like_a_picture(path: Path) -> bool:
    """Return whether a file is a picture by its name or its content."""
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return True
    try:
        if not path.is_file():  # opening a pipe would block forever
            return False
        with path.open("rb") as file:
            return kind_of(file.read(HEAD), suffix) is not None
    except OSError:
        return False


def has_wide_colours(picture: Image.Image, kind: str, head: bytes) -> bool:
    """Return whether a file has colours, or alpha, of more than 8 bits.

    Pillow keeps only 8 of the bits, if it reads such a file at all.
    """
    if kind == "PNG":
        depth, colours = head[24:26]
        return depth == 16 and colours != 0
    if isinstance(picture, TiffImageFile) and picture.mode[0] not in "IF":
        return max(picture.tag_v2.get(ExifTags.Base.BitsPerSample, (8,))) > 8
    return False
