"""Every rule of ``docs/spec.md`` is held by a test, and every rule that a test cites exists."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RULE = re.compile(r"\b(?:[A-Z]{2,4})-\d+\b")
NOT_RULES = {"UTF-8"}


def rules() -> set[str]:
    """The rules that the specification declares."""
    declared = re.findall(r"^- \*\*([A-Z]+-\d+)\*\*", (ROOT / "docs/spec.md").read_text(), re.M)
    assert len(declared) == len(set(declared)), "a rule is declared twice"
    return set(declared)


def cited() -> dict[str, set[str]]:
    """The rules that tests cite, and the files that do."""
    files = [*ROOT.glob("tests/**/test_*.py"), *ROOT.glob("viewer/**/*.test.ts*")]
    found: dict[str, set[str]] = {}
    for file in files:
        if "node_modules" in file.parts or file == Path(__file__):
            continue
        for rule in RULE.findall(file.read_text()):
            found.setdefault(rule, set()).add(str(file.relative_to(ROOT)))
    return found


def test_every_rule_is_cited_by_a_test() -> None:
    """A promise that no test holds is no promise."""
    assert sorted(rules() - cited().keys()) == []


def test_every_citation_names_a_rule() -> None:
    """A test that cites a rule which isn't there holds nothing."""
    families = {rule.split("-")[0] for rule in rules()}
    strangers = {
        rule: files
        for rule, files in cited().items()
        if rule.split("-")[0] in families and rule not in rules() | NOT_RULES
    }
    assert strangers == {}
