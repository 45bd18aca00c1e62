"""Known vulnerabilities of what is pinned in requirements/runtime.txt, by pip-audit. Usage: audit.py PIP_AUDIT.

Ends with 1 when there is one. Where the service that knows them cannot be asked, it says so and ends with 0: a machine
without internet has to be able to run `make check`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PINS = Path(__file__).resolve().parent.parent / "requirements" / "runtime.txt"
SECONDS = 60


def main(pip_audit: str) -> int:
    """Ask, and say what came of it."""
    options = ["--no-deps", "--disable-pip", "--progress-spinner", "off", "--timeout", "5", "-f", "json"]
    try:
        asked = subprocess.run(
            [pip_audit, "-r", str(PINS), *options], capture_output=True, text=True, check=False, timeout=SECONDS
        )
        found: list[dict[str, Any]] = json.loads(asked.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        return not_checked(f"no answer within {SECONDS} seconds")
    except (ValueError, KeyError):
        return not_checked((asked.stderr.strip().splitlines() or ["no answer"])[-1])
    return judge(found)


def judge(found: list[dict[str, Any]]) -> int:
    """One line for each vulnerability, and how many packages could be asked for."""
    bad = [(one, vulnerability) for one in found for vulnerability in one.get("vulns", ())]
    for one, vulnerability in bad:
        fixed = ", ".join(vulnerability["fix_versions"]) or "nothing yet"
        print(f"VULNERABLE: {one['name']} {one['version']}: {vulnerability['id']}, mended in {fixed}", file=sys.stderr)
    skipped = [one for one in found if "skip_reason" in one]
    if skipped and not bad and len(skipped) == len(found):
        return not_checked(str(skipped[0]["skip_reason"]))
    if skipped:
        print(f"NOT CHECKED for vulnerabilities: {', '.join(one['name'] for one in skipped)}", file=sys.stderr)
    print(f"vulnerabilities: {len(bad)} known in {len(found) - len(skipped)} packages")
    return 1 if bad else 0


def not_checked(reason: str) -> int:
    """Visible, and no failure."""
    print(f"NOT CHECKED for vulnerabilities: the service could not be asked ({reason})", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
