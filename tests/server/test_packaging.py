"""What the server needs is what setup.cfg and the Dockerfile install."""

import ast
import configparser
import re
import socket
import sys
from pathlib import Path

from packaging.requirements import Requirement

from keras_gan_server import run

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "keras_gan_server"
DOCKERFILE = (PACKAGE / "Dockerfile").read_text()
# The names that packages are imported by, if they are others.
IMPORTED = {"PIL": "pillow"}
# What FastAPI brings along.
BROUGHT = {"pydantic", "starlette"}


def bounds(lines):
    requirements = [Requirement(x) for x in lines if x and not x.startswith("#")]
    return {each.name: str(each.specifier) for each in requirements}


def imported():
    """Returns the packages that the server imports, but for Python's own."""
    found = set()
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(node.module)
    names = {name.partition(".")[0] for name in found} - {"keras_gan_server"}
    names = {IMPORTED.get(name, name.replace("_", "-")) for name in names}
    return names - BROUGHT - sys.stdlib_module_names


def test_all_that_is_imported_is_installed():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    extras = config["options.extras_require"]
    server = bounds(extras["server"].splitlines())
    always = bounds(config["options"]["install_requires"].splitlines())
    assert imported() <= server.keys() | always.keys()
    assert server.items() <= bounds(extras["dev"].splitlines()).items()
    installed = bounds(re.findall(r'^ +"([a-z-]+>=[0-9.]+)"', DOCKERFILE, re.M))
    assert installed.keys() == imported()
    # Pictures come from strangers, so Pillow is one without known weaknesses.
    secure = (ROOT / "constraints" / "secure.txt").read_text().splitlines()
    expected = always | server | {"pillow": bounds(secure)["pillow"]}
    assert installed.items() <= expected.items()


def test_the_container_is_no_root():
    lines = DOCKERFILE.splitlines()
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users == ["10001"]
    assert lines.index("USER 10001") < lines.index("EXPOSE 8000")
    assert "COPY keras_gan_server /app/keras_gan_server" in lines


def test_answers_do_not_wait_for_acknowledgements():
    """asyncio sets TCP_NODELAY only on connections that name their protocol."""
    with (
        run._listening("127.0.0.1", 0) as listening,
        socket.create_connection(listening.getsockname()),
    ):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.proto == socket.IPPROTO_TCP
