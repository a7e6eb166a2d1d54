"""What /metrics exposes, and that the dashboard and the alerts ask for nothing else."""

import json
import re
import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from api.observability.metrics import REFUSALS, Metrics, count_error
from index import STAGES
from tests.helpers import ROOT, Server

BOARD = ROOT / "deploy" / "grafana" / "citespan.json"
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
# What Prometheus itself adds to each number.
_ADDED = {"job", "instance"}
_OPEN = {"status", "route", "method", "event", "class", "le", "job", "instance", "type"}
Exposed = dict[str, dict[str, set[str]]]


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory, sample_library: Path) -> Exposed:
    """The metrics of a service that has done something: their labels, and the values of those."""
    folder = tmp_path_factory.mktemp("measured")
    shutil.copytree(sample_library, folder / "library")
    with Server(folder / "library", folder / "log") as server, httpx2.Client(base_url=server.url, timeout=60) as client:
        assert client.post("/v1/ask", json={"question": "Where did the Great Fire of London begin?"}).is_success
        assert client.post("/v1/articles", json={"html": "<p>The mill of Tarn was built in 1788.</p>"}).is_success
        assert client.post("/v1/watches", json={"question": "Who built the mill of Tarn?"}).is_success
        text = client.get("/metrics").text
    found: Exposed = {}
    for family in text_string_to_metric_families(text):
        # What nothing happened to yet has a name and no numbers.
        found.setdefault(family.name + ("_total" if family.type == "counter" else ""), {})
        for sample in family.samples:
            labels = found.setdefault(sample.name, {})
            for name, value in sample.labels.items():
                labels.setdefault(name, set()).add(value)
    return found


def expressions() -> Iterator[tuple[str, str]]:
    board = json.loads(BOARD.read_text())
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield f"panel {panel['title']}", target["expr"]
    for group in yaml.safe_load(ALERTS.read_text())["groups"]:
        for rule in group["rules"]:
            yield f"alert {rule['alert']}", rule["expr"]


def test_metrics_of_all_queues_stages_and_refusals_are_there(exposed: Exposed) -> None:
    assert exposed["citespan_stage_seconds_count"]["stage"] == set(STAGES)
    assert exposed["citespan_refusals_total"]["reason"] == set(REFUSALS)
    assert exposed["citespan_work_items"] == {
        "queue": {"questions", "writes", "fetches"},
        "state": {"waiting", "running"},
    }
    assert exposed["citespan_expected_wait_seconds"]["queue"] == {"questions", "writes", "fetches"}
    assert "process_open_fds" in exposed and "citespan_collections_open" in exposed


def test_dashboard_and_alerts_ask_for_what_is_exposed(exposed: Exposed) -> None:
    for where, expression in expressions():
        names = re.findall(r"\b((?:citespan|process)_\w+|up)\b(?:\{([^}]*)\})?", expression)
        assert names, where
        labels: dict[str, set[str]] = defaultdict(set)
        for name, matchers in names:
            if name == "up":
                continue
            assert name in exposed, f"{where}: {name}"
            for label, values in exposed[name].items():
                labels[label] |= values
            for label, operator, value in re.findall(r'(\w+)\s*(=~|!=|=|!~)\s*"([^"]*)"', matchers):
                assert label in exposed[name] or label in _ADDED, f"{where}: {name} has no label {label}"
                if label not in _OPEN:
                    alternatives = value.split("|") if operator == "=~" else [value]
                    assert set(alternatives) <= exposed[name][label], f"{where}: {label} {value}"
        for group in re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", expression):
            for label in re.split(r",\s*", group):
                # Of what has not happened yet the labels are not known: those are checked where they are.
                known = label in labels or label in _ADDED or not all(exposed.get(name) for name, _ in names)
                assert known, f"{where}: by {label}"


def test_dashboard_is_whole() -> None:
    board = json.loads(BOARD.read_text())
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"]) >= 15
    places = [tuple(panel["gridPos"][side] for side in "xywh") for panel in board["panels"]]
    for number, (x, y, w, h) in enumerate(places):
        assert x + w <= 24
        for other_x, other_y, other_w, other_h in places[:number]:
            assert x >= other_x + other_w or other_x >= x + w or y >= other_y + other_h or other_y >= y + h
    for group in yaml.safe_load(ALERTS.read_text())["groups"]:
        for rule in group["rules"]:
            assert rule["annotations"]["summary"] and rule["annotations"]["action"], rule["alert"]
            assert rule["labels"]["severity"] in ("warning", "critical")


def test_every_metric_is_in_the_reference(exposed: Exposed) -> None:
    page = (ROOT / "docs" / "observability.md").read_text()
    names = (name for name in exposed if name.startswith("citespan_") and not name.endswith("_created"))
    own = {re.sub(r"_(bucket|count|sum)$", "", name) for name in names}
    assert {name for name in own if f"`{name}`" not in page} == set()
    assert {reason for reason in REFUSALS if f"`{reason}`" not in page} == set()
    assert {stage for stage in STAGES if f"`{stage}`" not in page} == set()


def test_classes_of_errors_are_bounded() -> None:
    for number in range(1_000):
        count_error("test", f"Class{number}")
    text = Metrics().text().decode()
    assert len(re.findall(r"^citespan_errors_total\{", text, re.MULTILINE)) <= 101
    assert 'class="other"' in text
