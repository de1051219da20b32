"""Run the benchmarks: `python -m bench` all of them, `python -m bench NAME…` some."""

from __future__ import annotations

import subprocess
import sys

# Each is a module of its own, with its options; here with what is reported.
BENCHMARKS = {
    "click": ["bench.click_to_exempt"],
    "click-postgres": ["bench.click_to_exempt", "--postgres"],
    "pages": ["bench.pages"],
    "registry": ["bench.registry"],
    "registry-postgres": ["bench.registry", "--postgres"],
    "transfer": ["bench.transfer"],
    "relays": ["bench.relays"],
    "policy": ["bench.policy"],
    "agent-kills": ["bench.agent_kills"],
    "big-table": ["bench.big_table"],
    "kills": ["pytest", "-q", "-m", "long", "tests/real/test_kills.py"],
    "tables": ["pytest", "-q", "-m", "long", "tests/relay_agent"],
}


def main() -> int:
    names = sys.argv[1:] or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"bench: no benchmark {unknown[0]}; there are {', '.join(BENCHMARKS)}")
        return 2
    failed = []
    for name in names:
        print(f"\n== {name}", flush=True)
        done = subprocess.run([sys.executable, "-m", *BENCHMARKS[name]], check=False)
        if done.returncode:
            failed.append(name)
    if failed:
        print(f"bench: failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
