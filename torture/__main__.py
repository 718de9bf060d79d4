"""``python -m torture``: the command."""

from __future__ import annotations

import argparse
import logging
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from torture.faults import load


def main() -> int:
    """Torture a directory for some time; the exit code is 1 if anything was lost."""
    parser = argparse.ArgumentParser(prog="python -m torture", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="how long; default: 5")
    parser.add_argument("--seed", type=int, help="of the order of the steps")
    parser.add_argument("--folder", type=Path, help="where the data lies; default: a temporary folder")
    parser.add_argument(
        "--stages", nargs="+", choices=STAGES, default=[*STAGES], help="which parts; default: all of them"
    )
    parser.add_argument("--synchronous", choices=["full", "normal"], default="full", help="for the losses of power")
    parser.add_argument(
        "--sabotage", choices=["lose", "halve", "stale", "crash"], help="break the store: it has to be noticed"
    )
    arguments = parser.parse_args()
    faults = load()
    # After the library, which begins the program anew.
    from torture import crowd, full_disk, sabotage, scenario, steps
    from torture.place import Place
    from torture.processes import Processes
    from torture.report import Report

    seed = arguments.seed if arguments.seed is not None else int(time.time())
    random.seed(seed)
    if arguments.sabotage:
        sabotage.break_store(arguments.sabotage)
    folder = Path(tempfile.mkdtemp(prefix="torture-", dir=arguments.folder))
    report = Report()
    processes = Processes(folder / "failures")
    report.tell(f"seed {seed}, in {folder}{'' if faults else ', without faults: they need Linux and a C compiler'}")
    logging.basicConfig(filename=folder / "log", format="%(process)d %(name)s %(message)s")
    # This process has no threads, for it only imports what is used: what it forks begins at once.
    processes.import_what_it_takes(scenario.live, Place(folder / "once", shared=False), lambda line: None)
    begin, total = time.monotonic(), 60 * arguments.minutes
    used = 0.0
    shares = {name: STAGES[name] for name in arguments.stages}
    for name, share in shares.items():
        used += share / sum(shares.values())
        deadline = begin + total * used
        if name == "steps" and faults:
            steps.every_step(folder, faults, processes, report, deadline)
        elif name == "power" and faults:
            steps.every_loss_of_power(folder, faults, processes, report, deadline, arguments.synchronous)
        elif name == "full-disk":
            full_disk.full_disk(folder, processes, report, deadline)
        elif name == "alone":
            crowd.alone(folder, faults, processes, report, deadline)
        elif name == "crowd":
            crowd.crowd(folder, faults, processes, report, begin + total, max(4.0, min(crowd.EPISODE, total / 8)))
        if processes.failures:
            break
    report.kills += processes.kills
    code = report.conclude(processes.failures)
    if code == 0:
        shutil.rmtree(folder)
    else:
        print(f"What was there is in {folder}.", file=sys.stderr)
    return code


STAGES = {"steps": 0.2, "power": 0.2, "full-disk": 0.05, "alone": 0.1, "crowd": 0.45}
"""The parts, and their shares of the time; what one does not need is for the last one."""

if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    code = main()
    sys.stdout.flush()
    os._exit(code)
