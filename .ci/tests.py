"""Reads the output of `go test -json`: counts tests, shows what failed, and
fails when a test was skipped for something ("needs …") that is here."""

import collections
import json
import sys

lines = collections.defaultdict(list)
results = {}
with open(sys.argv[1], encoding="utf-8") as events:
    for line in events:
        if not line.startswith("{"):
            print(line, end="")
            continue
        event = json.loads(line)
        key = (event.get("Package", ""), event.get("Test", ""))
        if event["Action"] == "output":
            lines[key].append(event["Output"])
        elif event["Action"] in ("pass", "fail", "skip"):
            results[key] = event["Action"]

counts = collections.Counter(action for (_, test), action in results.items() if test)
bad = False
for (package, test), action in sorted(results.items()):
    text = "".join(lines[(package, test)])
    if action == "fail":
        bad = True
        print(f"FAIL {package} {test}\n{text}")
    if action == "skip" and test and "needs " in text:
        bad = True
        print(f"skipped although it could have run: {package} {test}\n{text}")
print(f"{counts['pass']} passed, {counts['fail']} failed, {counts['skip']} skipped")
sys.exit(bad or not counts["pass"])
