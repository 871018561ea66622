"""Writes the table of docs/clients.md from the reports that check.sh has left.

    table.py DIR... docs/clients.md      replaces what stands between the two comments "table" of the page

With several directories a step counts as it was judged in the last one that has decided it. One that was skipped is decided only
as long as there is nothing else: what a device does may show in one run and not in another.
"""

import collections
import json
import pathlib
import sys

SIGNS = {"pass": "✓", "fail": "✗", "warning": "!", "behaviour": "✓", "skip": "–", "inconclusive": "?"}

# A run of mosquitto tests several clients, each of which is a tool that does one thing: what mosquitto_pub does shows with that
# of its clients which does more.
TOOLS = {"mosquitto_sub": ["device"], "mosquitto_pub": ["device-out2", "device-out1"]}
WEIGHTS = ["inconclusive", "skip", "behaviour", "pass", "warning", "fail"]


def columns(directories):
    """Returns title, version, the specs by id and the findings of each client."""
    found = {}
    for directory in directories:
        for file in sorted(directory.glob("*/result.json")):
            result = json.loads(file.read_text())
            name, version = file.parent.name.rsplit("-", 1)
            titles = TOOLS if name == "mosquitto" else {name: ["device"]}
            for title, targets in titles.items():
                old_specs, old_findings = found.get((title, version), ({}, []))
                specs = {}
                for s in sorted(result["specs"], key=lambda s: WEIGHTS.index(s["verdict"])):
                    if s["target"] in targets:
                        specs[s["id"]] = s
                specs = {id: s for id, s in specs.items() if tells_more(s, old_specs.get(id))}
                if not specs:
                    continue
                findings = [f for f in old_findings if f.get("spec") not in specs]
                findings += [
                    f for f in result["findings"] or [] if f.get("target") in targets and f["verdict"] == "fail" and f.get("spec") in specs
                ]
                found[title, version] = old_specs | specs, findings
    return [(title, version, *found[title, version]) for title, version in sorted(found)]


def tells_more(new, old):
    """Whether a verdict takes the place of an older one."""
    undecided = WEIGHTS[:2]
    return not old or new["verdict"] not in undecided or old["verdict"] in undecided and new["verdict"] != "inconclusive"


def failures(specs, findings):
    """What is broken: qualified statement to the steps in which it showed."""
    broken = collections.defaultdict(set)
    for s in specs.values():
        for r in s.get("requirements") or []:
            if r["verdict"] == "fail":
                broken[r["id"]].add(s["id"])
    for f in findings:
        broken[f["id"]].add(f.get("spec") or "traffic")
    return broken


def main():
    *directories, page = map(pathlib.Path, sys.argv[1:])
    all_columns = columns(directories)
    if not all_columns:
        sys.exit("there are no reports")
    lines = []
    texts, order = {}, []
    for _, _, specs, _ in all_columns:
        for id, s in specs.items():
            if id not in texts:
                order.append(id)
            texts.setdefault(id, s["text"])
    order.sort(key=lambda id: (id.split("-")[0], int("".join(c for c in id.split("-")[1] if c.isdigit())), id))
    for version in "5", "3.1.1":
        part = [c for c in all_columns if c[1] == version]
        if not part:
            continue
        lines += ["", f"### MQTT {version}", ""]
        lines.append("| step | | " + " | ".join(title for title, *_ in part) + " |")
        lines.append("|---|---|" + "---|" * len(part))
        for id in order:
            cells = [SIGNS[c[2][id]["verdict"]] if id in c[2] else "" for c in part]
            if any(cells):
                lines.append(f"| {id} | {texts[id]} | " + " | ".join(cells) + " |")
        lines += ["", "| client | statements broken, with the steps in which it showed |", "|---|---|"]
        for title, _, specs, findings in part:
            broken = failures(specs, findings)
            text = "; ".join(f"{id.split(':')[1]} ({', '.join(sorted(steps))})" for id, steps in sorted(broken.items()))
            lines.append(f"| {title} | {text or 'none'} |")
    start, end = "<!-- table -->\n", "<!-- end of table -->"
    before, rest = page.read_text().split(start)
    after = rest.split(end)[1]
    page.write_text(before + start + "\n".join(lines).lstrip("\n") + "\n\n" + end + after)


main()
