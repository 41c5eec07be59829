"""What the server does not accept is one sentence, and changes nothing for others."""

import contextlib
import io
import socket
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image

SAMPLE, VAE_SAMPLE = "/models/digits/sample", "/models/vae/sample"
PETS, ENCODE = "/models/pets/translate", "/models/vae.encode/encode"


def refused(answer, status, *words):
    assert (answer.status, answer.json.keys()) == (status, {"detail"})
    sentence = answer.json["detail"]
    assert sentence.endswith((".", "?")) and "\n" not in sentence
    assert "Traceback" not in sentence and len(sentence) < 400
    for word in words:
        assert word in sentence


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", ["seed"]),
        ("seed=x", ["seed", "'x'"]),
        ("seed=1.5", ["seed", "'1.5'"]),
        ("seed=9223372036854775808", ["seed"]),
        ("seed=1&label=10", ["'10'", "0 to 9"]),
        ("seed=1&label=-1", ["'-1'", "0 to 9"]),
        ("seed=1&label=cat", ["'cat'", "zero, one, two"]),
        ("seed=1", ["label", "0 to 9"]),
        ("seed=1&seed=2&seed=3&label=1&label=2", ["2 labels", "3 rows"]),
        ("seed=1&label=1&truncation=-1", ["truncation", "-1"]),
        ("seed=1&label=1&truncation=nan", ["truncation"]),
        ("seed=1&label=1&truncation=inf", ["truncation"]),
        ("seed=1&label=1&format=gif", ["format", "'gif'", "png"]),
    ],
)
def test_a_value_that_is_not_accepted(server, query, words):
    refused(server.get(f"{SAMPLE}?{query}"), 422, *words)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, ["seeds or latent"]),
        ({"seeds": [1], "latent": [[0.0] * 8]}, ["seeds or latent"]),
        ({"seeds": []}, ["seeds"]),
        ({"seeds": 7}, ["seeds"]),
        ({"seeds": [True]}, ["seeds.0"]),
        ({"seeds": ["7"]}, ["seeds.0", "'7'"]),
        ({"seeds": [2**63]}, ["seeds.0"]),
        ({"seeds": [1], "labels": [1.5]}, ["labels.0"]),
        ({"seeds": [1], "labels": [-1]}, ["-1", "0 to 9"]),
        ({"seeds": [1], "labels": [10**30]}, ["0 to 9"]),
        ({"seeds": [1], "count": 3}, ["count"]),
        ({"latent": [[0.0] * 7], "labels": [1]}, ["7 numbers", "8"]),
        ({"latent": [[0.0] * 8, [0.0]], "labels": [1]}, ["1 and 8", "8"]),
        ({"latent": [[float("nan")] * 8], "labels": [1]}, ["latent.0.0"]),
        ({"latent": [[float("inf")] * 8], "labels": [1]}, ["latent.0.0"]),
        ({"latent": [[1e300] * 8], "labels": [1]}, ["too large for float32"]),
        ({"latent": [["a"] * 8], "labels": [1]}, ["latent.0.0", "'a'"]),
        ({"latent": [[0.0] * 8], "labels": [1], "truncation": 1}, ["Truncation"]),
        ({"seeds": [1], "truncation": float("nan")}, ["truncation"]),
    ],
)
def test_a_body_that_is_not_accepted(server, body, words):
    refused(server.post(SAMPLE, body), 422, *words)


def test_a_label_for_a_model_without_classes(server):
    refused(server.get(f"{VAE_SAMPLE}?seed=1&label=1"), 422, "no classes")
    refused(server.post(f"{PETS}?label=1", b""), 400, "empty")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[" * 90_000, b"\xff\xfe", b'{"seeds": [' + b"9" * 5000 + b"]}"],
)
def test_a_body_that_is_not_json(server, body):
    answer = server.post(SAMPLE, body, Content_Type="application/json")
    assert answer.status in (400, 422)
    refused(answer, answer.status)


def png_of(width, height, *more):
    """Returns a PNG file that says it has this size, and has no picture data."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))]
    chunks += [*more, (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data))
        + kind
        + data
        + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


# A text of 8 MB in 8 kB.
BOMB = (b"zTXt", b"text\0\0" + zlib.compress(bytes(2**23)))


def header(shape, kind="'<f4'"):
    """Returns the start of an .npy file, whose numbers are missing."""
    text = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def gif():
    file = io.BytesIO()
    Image.new("L", (8, 8)).save(file, "gif")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"", 400, ["empty"]),
        (b"no picture", 400, ["not a picture", "PNG"]),
        (gif(), 400, ["not a picture", "PNG"]),
        (png_of(8, 8), 400, ["cannot be decoded"]),
        (png_of(8, 8)[:30], 400, ["not a picture"]),
        (png_of(8, 8, BOMB), 400, ["too large"]),
        (png_of(50_000, 50_000), 413, ["262,144 pixels"]),
        (png_of(2000, 132), 413, ["262,144 pixels"]),
        (b"\x93NUMPY", 400, ["numpy.save"]),
        (header("(1, 99999999, 99999999, 3)"), 400, ["numpy.save"]),
        (header("(((((((" * 999), 400, ["numpy.save"]),
        (header("(1,)", "'|O'") + bytes(8), 400, ["numpy.save"]),
        (header("(2, 2)") + bytes(16), 422, ["2 x 2", "any x any x 3"]),
        (header("(0, 4, 4, 3)"), 422, ["4 x 4 x 3"]),
        (header("(0, 4, 3)"), 422, ["0 x 4 x 3"]),
        (header("(1, 4, 4, 1)") + bytes(64), 422, ["4 x 4 x 1", "any x any x 3"]),
        (header("(1, 1, 1, 3)", "'<c8'") + bytes(24), 422, ["complex64"]),
        (header("(1, 1, 1, 3)") + b"\x00\x00\xc0\x7f" * 3, 422, ["NaN"]),
        (header("(1, 1, 1, 3)") + b"\x00\x00\x80\x7f" * 3, 422, ["infinite"]),
    ],
)
def test_a_file_that_is_not_accepted(server, content, status, words):
    refused(server.post(PETS, content), status, *words)


def test_a_file_that_a_form_does_not_hold(server):
    form = "multipart/form-data; boundary=x"
    head = '--x\r\nContent-Disposition: form-data; name="{}"; filename="a"\r\n\r\n'
    other = head.format("other").encode() + b"1\r\n--x--\r\n"
    refused(server.post(PETS, other, Content_Type=form), 400, "field file")
    refused(server.post(PETS, b"--y", Content_Type=form), 400)
    refused(server.post(PETS, b"--", Content_Type="multipart/form-data"), 400)


def test_a_picture_of_another_size(server, png):
    answer = server.post(ENCODE, png(np.zeros((6, 6, 1), "uint8")))
    refused(answer, 422, "6 x 6 x 1", "6 x 5 x 1")


def test_damaged_files_never_fail_the_server(server, png):
    """Each byte of a PNG file, changed, is a picture or a refusal."""
    file = png(np.arange(192, dtype="uint8").reshape(8, 8, 3))
    connection = server.connect()
    statuses = set()
    for place in range(8, len(file), 2):
        changed = file[:place] + bytes([file[place] ^ 0x5A]) + file[place + 1 :]
        statuses.add(server.ask("POST", PETS, changed, connection).status)
    connection.close()
    assert statuses <= {200, 400, 413, 422} and 400 in statuses


def test_more_than_a_request_may_hold(server, png):
    seeds = [*range(17)]
    refused(server.post(VAE_SAMPLE, {"seeds": seeds}), 413, "17 rows", "at most 16")
    assert server.post(VAE_SAMPLE, {"seeds": seeds[:16]}).status == 200
    # A picture counts as a row for each 128 x 128 pixels begun.
    wide = np.zeros((2, 131_072, 3), "uint8")  # twice as high for the network
    refused(server.post(PETS, png(wide)), 413, "4 x 131072 pixels once")
    # A client that sends far more than buffers hold gets its answer, too.
    chunks = iter([b"x" * 1000] * 201)  # a body without its length
    for body in (b"x" * 200_001, chunks, b"x" * 20_000_000):
        refused(server.ask("POST", PETS, body), 413, "200,000 bytes")
    refused(server.post(SAMPLE, b" " * 200_001, Content_Type="application/json"), 413)


def test_more_than_all_bodies_together_may_hold(server):
    """Clients that send large bodies slowly fill no memory beyond the limit."""
    head = f"POST {PETS} HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n"
    with contextlib.ExitStack() as stack:
        for _ in range(16):
            address = ("127.0.0.1", server.port)
            slow = stack.enter_context(socket.create_connection(address))
            slow.sendall(head.encode() + bytes(199_999))
        answer = eventually(server, 503)
        assert answer.headers["retry-after"] == "1"
        refused(answer, 503, "Try again soon.")
    eventually(server, 400)  # they have left
    assert b'code="500",model="pets"' not in server.get("/metrics").body


def eventually(server, status):
    """Asks with a small body until the answer has this status."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        answer = server.post(PETS, bytes(1000))
        if answer.status == status:
            return answer
    raise AssertionError(answer)


def test_what_there_is_not(server):
    refused(server.get("/models/cats/sample?seed=1"), 404, "'cats'", "digits, pets")
    refused(server.get("/models/cats"), 404, "'cats'")
    answer = server.post("/models/digits/translate", b"")
    refused(answer, 404, "digits cannot translate", "/models/digits/sample")
    refused(server.post("/models/pets/sample", {"seeds": [1]}), 404, "translate")
    assert server.get("/nothing").status == 404
    assert server.ask("DELETE", SAMPLE).status == 405


def test_a_format_that_a_result_does_not_have(server, png):
    answer = server.get(f"{SAMPLE}?seed=1&label=1", Accept="image/webp")
    refused(answer, 406, "image/webp", "image/png")
    picture = png(np.zeros((6, 5, 1), "uint8"))
    refused(server.post(f"{ENCODE}?format=png", picture), 406, "json or npy")


def test_values_that_the_network_turns_into_nan(server, npy):
    picture = npy(np.ones((6, 5, 1), "float32"))
    answer = server.post("/models/wild.encode/encode", picture)
    refused(answer, 422, "wild.encode makes NaN")


@pytest.mark.parametrize("size", [(1, 1), (4, 4)])
def test_a_picture_that_is_too_small_for_the_network(server, png, size):
    file = png(np.zeros((*size, 3), "uint8"))
    answer = server.post(PETS, file)
    refused(answer, 422, "Send larger pictures")


def test_levels_are_not_taken_for_values(server):
    file = io.BytesIO()
    np.save(file, np.full((1, 8, 8, 3), 200, "uint8"))
    refused(server.post(PETS, file.getvalue()), 422, "source holds uint8")


def test_a_form_with_more_than_a_file(server):
    body = b'--X\r\nContent-Disposition: form-data; name="label"\r\n\r\n1\r\n--X--\r\n'
    answer = server.post(PETS, body, Content_Type="Multipart/Form-Data; boundary=X")
    refused(answer, 400, "one file, in the field file", "?label=")


def test_what_is_no_picture_is_named_without_an_address_in_memory(server):
    answer = server.post(PETS, b"GIF89a")
    refused(answer, 400, "is not a picture that is known here")
    assert b"0x" not in answer.body


def test_json_has_a_limit_of_its_own(server):
    body = b'{"latent": [[' + b"0," * 600_000 + b"0]]}"
    refused(server.post(SAMPLE, body), 413, "bytes")


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_health_answers_to_head(server, path):
    assert server.ask("HEAD", path).status == 200
