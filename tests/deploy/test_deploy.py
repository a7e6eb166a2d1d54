"""What is needed to run Citespan elsewhere: image, compose file, unit, proxy; each checked by its own tool, if any."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deploy.check_image import Instruction, instructions
from deploy.lock import OTHER_MODELS, name_of
from tests.helpers import ROOT, free_port

DEPLOY = ROOT / "deploy"
# On systemd's scale of 0 (locked in) to 10; what is left is the network and /proc/cpuinfo.
MOST_EXPOSED = 1.5


def _tool(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    path = str(beside) if beside.exists() else shutil.which(name)
    if path is None:
        pytest.skip(f"no {name} here")
    return path


def _stages() -> dict[str, list[Instruction]]:
    stages: dict[str, list[Instruction]] = {}
    name = "before"
    for word, rest in instructions(ROOT / "Dockerfile"):
        if word == "FROM":
            name = rest.split(" AS ")[1]
        stages.setdefault(name, []).append((word, rest))
    return stages


def _only(stage: str, word: str) -> str:
    values = [rest for each, rest in _stages()[stage] if each == word]
    assert len(values) == 1, (stage, word, values)
    return values[0]


def _pins(path: Path) -> dict[str, list[str]]:
    """Return the packages of a lock file, each as name==version, with their hashes."""
    pins: dict[str, list[str]] = {}
    for entry in re.sub(r"\\\n\s*", " ", path.read_text()).splitlines():
        pin, *rest = entry.split()
        pins[pin] = rest
    return pins


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_dockerfile_has_no_fault_that_hadolint_knows() -> None:
    checked = subprocess.run([_tool("hadolint"), ROOT / "Dockerfile"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_image_runs_as_a_user_of_its_own_and_holds_nothing_to_build_with() -> None:
    service = _stages()["service"]
    user = _only("service", "USER")
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user), user
    words = [word for word, _ in service]
    assert words.index("USER") > max(at for at, word in enumerate(words) if word in ("RUN", "COPY"))
    commands = " ".join(rest for word, rest in service if word == "RUN")
    assert not re.search(r"\b(apt|apt-get|pip|curl|wget|gcc)\b", commands), commands
    assert [rest for word, rest in service if word == "COPY"] == ["--from=build /opt/citespan /opt/citespan"]
    for word in ("ENTRYPOINT", "CMD"):
        assert isinstance(json.loads(_only("service", word)), list)
    assert _only("service", "VOLUME") == "/library"


def test_image_installs_nothing_without_its_hash_but_torch() -> None:
    installs = [
        part
        for word, rest in _stages()["build"]
        if word == "RUN"
        for part in re.split(r";|&&", rest)
        if re.search(r"\bpip\b.* install ", part)
    ]
    assert len(installs) == 4
    for install in installs:
        is_locked = "--require-hashes" in install and "--only-binary :all:" in install
        is_ours = "--no-index" in install and "citespan-" in install
        is_torch = '--index-url "$TORCH_INDEX"' in install and '"torch==$TORCH_VERSION"' in install
        assert is_locked or is_ours or is_torch, install


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-models.lock", "requirements-build.lock"])
def test_lock_file_has_a_hash_for_each_package_and_names_no_index(name: str) -> None:
    pins = _pins(DEPLOY / name)
    assert pins
    for pin, rest in pins.items():
        assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*==[0-9][\w.+]*", pin), pin
        assert rest and all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", each) for each in rest), pin
    assert not re.search(r"index|find-links|://", (DEPLOY / name).read_text().replace("importlib", ""))


@pytest.mark.parametrize(
    ("name", "left_out"), [("requirements.lock", OTHER_MODELS), ("requirements-models.lock", ("torch",))]
)
def test_lock_file_holds_what_citespan_needs_in_the_versions_that_are_tested(
    name: str, left_out: tuple[str, ...]
) -> None:
    tested = {
        _normal(pin.split("==")[0]): pin.split("==")[1]
        for pin in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in pin
    }
    locked = dict(pin.split("==") for pin in _pins(DEPLOY / name))
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    needed = {_normal(name_of(each)) for each in dependencies} - set(left_out)
    assert needed <= {_normal(each) for each in locked}, "run make image-lock"
    assert not {_normal(each) for each in locked} & set(left_out)
    differing = {each: version for each, version in locked.items() if tested.get(_normal(each), version) != version}
    assert differing == {}, "run make image-lock"


def test_torch_of_the_image_is_the_one_that_is_tested() -> None:
    version = dict(rest.split("=", 1) for word, rest in _stages()["build"] if word == "ARG")["TORCH_VERSION"]
    assert f"torch=={version}" in (ROOT / "constraints.txt").read_text().splitlines()


def test_compose_file_takes_from_the_container_what_it_does_not_need() -> None:
    compose: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    service = compose["services"]["citespan"]
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"] and "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"] and not service.get("privileged")
    assert service["user"] == _only("service", "USER")
    assert service["volumes"] == ["library:/library"] and "library" in compose["volumes"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert all("noexec" in each and "size=" in each for each in service["tmpfs"])
    assert service["mem_limit"] and service["pids_limit"] and service["ulimits"]["nofile"]["hard"] >= 65_536
    assert ["CMD", *json.loads(_only("service", "HEALTHCHECK").split("CMD", 1)[1])] == service["healthcheck"]["test"]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert service["image"] == f"citespan:{version}"


def test_every_setting_that_the_files_name_exists() -> None:
    settings = (ROOT / "docs" / "settings.md").read_text()
    guides = (*DEPLOY.glob("*.md"), *(ROOT / "docs" / "guide").glob("*.md"), ROOT / "SECURITY.md")
    for path in (
        ROOT / "Dockerfile",
        ROOT / "compose.yaml",
        *DEPLOY.glob("*.service"),
        *DEPLOY.glob("*.conf"),
        *guides,
    ):
        for name in set(re.findall(r"CITESPAN_[A-Z_]+", path.read_text())):
            assert f"`{name}`" in settings, f"{path.name}: {name}"


def test_unit_is_one_that_systemd_understands(tmp_path: Path) -> None:
    text = (DEPLOY / "citespan.service").read_text()
    unit = tmp_path / "citespan.service"
    unit.write_text(text.replace("/opt/citespan/bin/citespan serve", "/bin/true"))
    checked = subprocess.run([_tool("systemd-analyze"), "verify", unit], capture_output=True, text=True)
    assert checked.returncode == 0 and checked.stderr == "", checked.stderr


def test_unit_is_locked_in() -> None:
    tool = _tool("systemd-analyze")
    command = [tool, "security", "--offline=true", "--no-pager", str(DEPLOY / "citespan.service")]
    checked = subprocess.run(command, capture_output=True, text=True)
    if checked.returncode and "unrecognized option" in checked.stderr:
        pytest.skip("this systemd cannot look at a unit that is not installed")
    exposure = re.search(r"Overall exposure level for citespan.service: ([\d.]+)", checked.stdout)
    assert exposure is not None, checked.stdout[-500:] + checked.stderr
    assert float(exposure[1]) <= MOST_EXPOSED, "\n".join(line for line in checked.stdout.splitlines() if "✗" in line)


def _make_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "qa.example.org")])
    now = datetime.now(UTC)
    certificate = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1)
    )
    (folder / "fullchain.pem").write_bytes(
        certificate.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    form, protection = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, protection))


def test_proxy_configuration_is_one_that_nginx_understands(tmp_path: Path) -> None:
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        pytest.skip("no nginx here")
    _make_certificate(tmp_path)
    text = (DEPLOY / "nginx.conf").read_text().replace("/etc/ssl/citespan", str(tmp_path))
    for port in ("80", "443"):
        text = re.sub(rf"(listen (?:\[::\]:)?){port}\b", rf"\g<1>{free_port()}", text)
    (tmp_path / "citespan.conf").write_text(text)
    whole = f"pid {tmp_path}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{ include {tmp_path}/citespan.conf; }}\n"
    (tmp_path / "nginx.conf").write_text(whole)
    checked = subprocess.run([nginx, "-t", "-c", tmp_path / "nginx.conf"], capture_output=True, text=True)
    assert checked.returncode == 0 and "[warn]" not in checked.stderr, checked.stderr
    for directive in ("proxy_buffering off;", "proxy_request_buffering off;", "proxy_next_upstream off;"):
        assert directive in text


def test_each_alert_has_a_section_that_says_what_to_do() -> None:
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"] if "alert" in rule}
    headings = re.findall(r"^### (.+)$", (ROOT / "docs" / "guide" / "operations.md").read_text(), re.MULTILINE)
    described = {name for heading in headings for name in heading.split(", ")}
    assert alerts and alerts == described
