"""Build the image's steps without a container engine, measure it, and ask the service in it a question.

    sudo python deploy/check_image.py [--models any] [--keep]

A Debian is put into a folder by debootstrap in the place of the base image, and each instruction of the Dockerfile is
carried out in it as an engine would. Then the service is started as the image's user, with its root mounted read-only,
and asked. Needs root, debootstrap, unshare and a network; leaves nothing behind.
"""

import argparse
import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
LIMIT_MIB = 1_200
SUITE = "bookworm"
_PASSED_ON = (
    "PIP_INDEX_URL",
    "PIP_CERT",
    "SSL_CERT_FILE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
)
Instruction = tuple[str, str]


def instructions(path: Path) -> list[Instruction]:
    """Return a Dockerfile's instructions in order, each with what follows it."""
    text = "\n".join(line for line in path.read_text().splitlines() if not line.lstrip().startswith("#"))
    lines = re.sub(r"\\\n", " ", text).splitlines()
    return [(word.upper(), rest.strip()) for word, _, rest in (line.strip().partition(" ") for line in lines) if word]


def in_root(root: Path, command: str, environment: dict[str, str], folder: str = "/") -> None:
    """Run a shell command in a folder as its root."""
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    subprocess.run(
        [shutil.which("chroot") or "chroot", root, "/bin/sh", "-euc", f"cd {shlex.quote(folder)}; {command}"],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8", **passed, **environment},
        check=True,
    )


class Builder:
    """Carries out a Dockerfile.

    Args:
        folder: for the stages' roots.
        arguments: what --build-arg would give.

    Attributes:
        roots: by stage.
        settings: of the last stage: its user, environment, health check, entry point and command.
    """

    def __init__(self, folder: Path, arguments: dict[str, str]) -> None:
        self._folder, self._arguments = folder, arguments
        self.roots: dict[str, Path] = {}
        self.settings: dict[str, str] = {}
        self.environment: dict[str, str] = {}

    def build(self, base: Path, dockerfile: Path) -> Path:
        stage, at, known = "", "/", dict(self._arguments)
        for word, rest in instructions(dockerfile):
            print(f"-- {word} {' '.join(rest.split())[:100]}", flush=True)
            if word == "FROM":
                stage, at, self.environment, self.settings = rest.split(" AS ")[1], "/", {}, {}
                self.roots[stage] = self._folder / stage
                subprocess.run(["cp", "-a", base, self.roots[stage]], check=True)
                if stage == "build":  # in the official image these come with Python
                    in_root(
                        self.roots[stage], "apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null", {}
                    )
                continue
            if word == "ARG":
                name, _, value = rest.partition("=")
                known.setdefault(name, value)
            if not stage:
                continue
            root = self.roots[stage]
            if word == "ENV":
                self.environment |= dict(pair.split("=", 1) for pair in shlex.split(rest))
            elif word == "WORKDIR":
                at = rest
                (root / at.lstrip("/")).mkdir(parents=True, exist_ok=True)
            elif word == "COPY":
                self._copy(rest, root, at)
            elif word == "RUN":
                in_root(root, rest, {**self.environment, **(known if stage == "build" else {})}, at)
            elif word in ("USER", "HEALTHCHECK", "ENTRYPOINT", "CMD"):
                self.settings[word] = rest
        return self.roots[stage]

    def _copy(self, rest: str, root: Path, at: str) -> None:
        *names, target = rest.split()
        source = ROOT
        if names[0].startswith("--from="):
            source = self.roots[names.pop(0).removeprefix("--from=")]
        destination = root / os.path.join(at, target).lstrip("/")
        for name in names:
            path = source / name.lstrip("/")
            into = destination / path.name if target.endswith("/") else destination
            into.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-a", path, into], check=True)
            subprocess.run(["chown", "-R", "root:root", into], check=True)
            for cache in into.rglob("__pycache__") if source is ROOT and into.is_dir() else ():
                shutil.rmtree(cache)


def make_base(folder: Path) -> Path:
    """Make what stands for the base image: a small Debian with Python."""
    base = folder / "base"
    command = ["debootstrap", "--variant=minbase", "--include=python3,ca-certificates", SUITE, base]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    for path in ("etc/resolv.conf", "etc/ssl/certs/ca-certificates.crt"):
        shutil.copy(f"/{path}", base / path)
    # As the official slim images do.
    for path in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale"):
        shutil.rmtree(base / path)
        (base / path).mkdir()
    (base / "usr/bin/python").symlink_to("python3")
    return base


def mebibytes(path: Path) -> float:
    """Return what a folder takes on the disk, in MiB."""
    return int(subprocess.run(["du", "-sxk", path], check=True, capture_output=True).stdout.split()[0]) / 1024


def report_sizes(base: Path, root: Path) -> float:
    """Print what takes how much; return the whole in MiB."""
    whole = mebibytes(root)
    print(f"{'base (Debian, Python)':40}{mebibytes(base):8.0f} MiB")
    packages = next((root / "opt/citespan/lib").glob("python3*/site-packages"))
    sizes = sorted(((mebibytes(path), path.name) for path in packages.iterdir() if path.is_dir()), reverse=True)
    for size, name in sizes:
        if size >= 8:
            print(f"{name:40}{size:8.0f} MiB")
    print(f"{'other packages':40}{sum(size for size, _ in sizes if size < 8):8.0f} MiB")
    print(f"{'the image, unpacked':40}{whole:8.0f} MiB (limit {LIMIT_MIB})")
    return whole


def find_tools(root: Path) -> list[str]:
    """Return compilers and installers that are in an image."""
    names = ("cc", "gcc", "g++", "clang", "make", "ld", "pip", "pip3", "pytest", "ruff", "mypy")
    folders = ("usr/bin", "usr/local/bin", "opt/citespan/bin")
    return [f"/{folder}/{name}" for folder in folders for name in names if (root / folder / name).exists()]


@contextlib.contextmanager
def serving(root: Path, library: Path, builder: Builder, port: int) -> Iterator[int]:
    """Run the image's service with a read-only root; gives the id of its process."""
    user = builder.settings["USER"]
    command = [*json.loads(builder.settings["ENTRYPOINT"]), "serve", "--host", "127.0.0.1", "--port", str(port)]
    environment = [f"{name}={value}" for name, value in builder.environment.items()]
    quoted = shlex.quote(str(root))
    script = (
        f"mount --bind {quoted} {quoted}; mount --bind {shlex.quote(str(library))} {quoted}/library; "
        f"mount -t tmpfs -o mode=1777,size=64m tmpfs {quoted}/tmp; mount --bind /proc {quoted}/proc; "
        f"mount -o remount,ro,bind {quoted}; "
        f"exec chroot --userspec={user} {quoted} /usr/bin/env -i {' '.join(map(shlex.quote, environment + command))}"
    )
    process = subprocess.Popen(["unshare", "--mount", "/bin/sh", "-euc", script], start_new_session=True)
    try:
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        print(f"the service ended with {process.wait(30)}")


def ask(port: int, path: str, body: dict[str, object] | None = None) -> dict[str, object]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", data=data, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as reply:
        return dict(json.load(reply))


def try_service(root: Path, folder: Path, builder: Builder) -> list[str]:
    """Start the service, add an article and ask; return what is wrong."""
    library = folder / "library"
    library.mkdir(mode=0o700)
    uid, gid = map(int, builder.settings["USER"].split(":"))
    os.chown(library, uid, gid)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    problems = []
    with serving(root, library, builder, port) as process:
        end = time.monotonic() + 120
        while True:
            with contextlib.suppress(OSError):
                ask(port, "/readyz")
                break
            if time.monotonic() > end:
                return ["the service does not become ready"]
            time.sleep(0.5)
        status = Path(f"/proc/{process}/status").read_text()
        if f"Uid:\t{uid}" not in status:
            problems.append("the service does not run as the image's user")
        text = "The mill of Tarn was built in 1788 by the monks of the valley."
        ask(port, "/v1/articles", {"id": "tarn", "title": "Tarn", "text": text})
        answer = ask(port, "/v1/ask", {"question": "When was the mill of Tarn built?"})["answer"]
        print(f"asked when the mill was built; answered {answer!r}")
        if answer != "1788":
            problems.append(f"the answer is {answer!r}")
        check = builder.settings["HEALTHCHECK"].split("CMD", 1)[1].replace(":8000", f":{port}")
        in_root(root, shlex.join(json.loads(check)), builder.environment)
        memory = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process}/status").read_text())
        print(f"resident after a question: {int(memory[1]) / 1024 if memory else 0:.0f} MiB")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", choices=("shipped", "any"), default="shipped")
    parser.add_argument("--keep", action="store_true", help="leave the folder for looking into it")
    options = parser.parse_args()
    missing = [name for name in ("debootstrap", "unshare", "chroot") if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        print(
            f"this needs root and debootstrap, unshare and chroot (missing: {', '.join(missing) or 'root'})",
            file=sys.stderr,
        )
        return 2
    folder = Path(tempfile.mkdtemp(prefix="citespan-image-"))
    folder.chmod(0o755)
    try:
        base = make_base(folder)
        builder = Builder(folder, {"MODELS": options.models})
        root = builder.build(base, ROOT / "Dockerfile")
        whole = report_sizes(base, root)
        problems = try_service(root, folder, builder)
        problems += [f"{tool} is in the image" for tool in find_tools(root)]
        if options.models == "shipped" and whole > LIMIT_MIB:
            problems.append(f"the image takes {whole:.0f} MiB, more than {LIMIT_MIB}")
    finally:
        if not options.keep:
            shutil.rmtree(folder)
    print("\n".join(problems) or "all is well")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
