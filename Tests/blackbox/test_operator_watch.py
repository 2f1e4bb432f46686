"""What watches the gateway: metrics, the dashboard and the alert rules, held against the running thing."""

import json
import re

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from gateway import ROOT, Gateway

DOCS = ROOT / "docs/operations"


@pytest.fixture(scope="module")
def families():
    """Every family of /metrics by its sample names, after some work has been done."""
    with Gateway() as g:
        endpoint = {"url": "http://127.0.0.1:9999/", "events": ["task.finished"]}
        assert g.post("/v1/webhook-endpoints/", json=endpoint).status_code == 201
        g.finished(g.submit())
        text = g.get("/metrics", key=None).text
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation, family.name
        for end in {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(family.type, [""]):
            found[family.name + end] = family
    return found


def selectors(expression: str) -> list[tuple[str, set[str]]]:
    """The metrics that an expression asks for, with the labels that it names in their braces."""
    # Grafana's own variables stand where a duration or a text does.
    tree = promql_parser.parse(expression.replace("$instance", ".*"))
    found = []

    def walk(node):
        if isinstance(node, promql_parser.VectorSelector):
            found.append((node.name, {m.name for m in node.matchers.matchers}))
        for name in ("expr", "lhs", "rhs", "param", "vector_selector"):
            child = getattr(node, name, None)
            if child is not None and not isinstance(child, (str, int, float)):
                walk(child)
        for child in getattr(node, "args", None) or []:
            walk(child)

    walk(tree)
    return found


def grouped(expression: str) -> set[str]:
    return {w.strip() for group in re.findall(r"by \(([^)]*)\)", expression) for w in group.split(",")}


def dashboard() -> list[tuple[str, str]]:
    board = json.loads((DOCS / "dashboard.json").read_text())
    assert len({p["id"] for p in board["panels"]}) == len(board["panels"])
    return [(p["title"], t["expr"]) for p in board["panels"] for t in p.get("targets", [])]


def rules() -> list[dict]:
    groups = yaml.safe_load((DOCS / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_every_expression_is_valid_and_asks_for_what_there_is(families):
    asked = dashboard() + [(rule["alert"], rule["expr"]) for rule in rules()]
    assert len(asked) > 40
    for title, expression in asked:
        chosen = selectors(expression)
        assert chosen, (title, expression)
        for name, labels in chosen:
            if name == "up":
                continue
            assert name in families, f"{title}: there is no metric {name}"
            own = {label for sample in families[name].samples for label in sample.labels}
            if families[name].samples:
                assert labels | (grouped(expression) & labels) <= own | {"instance", "job"}, (title, name, labels, own)


def test_the_walk_over_expressions_sees_every_metric_in_them():
    found = selectors('abs(sum by (a) (rate(x_total{b="c"}[5m]))) > 0 and y == 1 or histogram_quantile(0.9, z_bucket)')
    assert sorted(found) == [("x_total", {"b"}), ("y", set()), ("z_bucket", set())]
    with pytest.raises(ValueError):
        selectors("sum by (rate(x[5m])")


def test_every_rule_says_what_is_wrong_and_what_to_do(families):
    headings = re.findall(r"^\*\*(.+?)\.\*\*", (ROOT / "docs/operations.md").read_text(), re.MULTILINE)
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names)) and len(names) > 12
    for rule in rules():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}, rule
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"].keys() == {"summary", "action"}
        assert re.fullmatch(r"\d+[smh]", rule.get("for", "1m"))
        for heading in re.findall(r'see "([^"]+)"', rule["annotations"]["action"]):
            assert heading in headings, f"{rule['alert']} sends the reader to {heading!r}"


def test_the_manual_lists_every_metric_and_none_besides(families):
    text = (ROOT / "docs/operations.md").read_text()
    table = text.split("<!-- metrics:")[1].split("<!-- end of metrics -->")[0]
    listed = {name for row in table.splitlines()[3:] for name in re.findall(r"`((?:trellis|process)_\w+)`", row.split("|")[1])}
    there = {re.sub(r"_(bucket|sum|count)$", "", name) for name in families}
    assert there - listed == set(), "give them a row in docs/operations.md"
    assert listed - there == set(), "these are not in /metrics"


def test_no_label_can_grow_without_end(families):
    allowed = {
        "version", "sqlite", "outcome", "level", "route", "status", "le", "state", "provider", "check", "place",
    }  # fmt: skip
    for name, family in families.items():
        for sample in family.samples:
            assert set(sample.labels) <= allowed, name
