"""Train the architectures of the course under one recipe, score them and put weights, cards and results in the package.

    python scripts/zoo.py --dry-run                  # measures ms a step of each, and says how long it would take
    python scripts/zoo.py --cores 0,1                # all of it: a process for each core; stops and goes on at will
    python scripts/zoo.py --only fcn-8s unet         # these alone
    python scripts/zoo.py --only segnet --times 3    # is it undertrained? One seed, three times the steps

Every architecture (`seglab.architectures`) at its small size, with as many seeds as its row says: the same 4000 scenes,
the same steps, augmentation and losses (`seglab.train.RECIPES`); V-Net on volumes. Scored on the test scenes and on
each axis (`seglab.datasets.axes`), beside two baselines. What is finished is skipped, what was begun goes on. On a GPU
all processes share it; give as many cores as there are. Weights and cards go to seglab/weights (of those whose
trainings are all finished), the results of all seeds to seglab/weights/zoo.json. Of a longer training (`--times`) only
the results are kept, there under "longer": what ships was trained alike.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

if __name__ == "__main__":  # started as a file: the repository's root comes first
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts import card_zoo, zoo_job
from seglab import parts, zoo
from seglab.architectures import ARCHITECTURES
from seglab.cli.common import duration
from seglab.datasets import axes

ROOT = Path(__file__).resolve().parents[1]
JOB = ROOT / "scripts" / "zoo_job.py"
PACE = "pace.json"
LIMIT = 120  # minutes, on two cores
START_UP = 6.0  # seconds until a process trains
BASELINES = "baselines"
TRAINED = {row.key: row for row in ARCHITECTURES if row.small is not None}


@dataclass(frozen=True)
class Job:
    """One training, or the baselines; where its result will be, and how many seconds it should take."""

    key: str
    seed: int
    result: Path
    seconds: float

    @property
    def name(self) -> str:
        """For people."""
        return self.key if self.key == BASELINES else f"{self.key}, seed {self.seed}"


def seconds(key: str, pace: dict[str, float]) -> float:
    """Return how long a training of an architecture takes with its scoring, by its pace.

    >>> round(seconds("unet", {"ms_step": 100, "ms_scored": 10}))  # 1500 steps, 1700 scenes
    173
    """
    from seglab.train import RECIPES

    recipe = RECIPES[str(TRAINED[key].model)]
    steps = recipe.epochs * ((recipe.portion or 0) // recipe.batch)
    scored = axes.TEST_VOLUMES if TRAINED[key].volumes else zoo_scenes()
    return START_UP + (steps * pace["ms_step"] + scored * pace["ms_scored"]) / 1000


def zoo_scenes() -> int:
    """Return how many test scenes there are in all splits."""
    return axes.TEST_SIZE + axes.PER_AXIS * (len(axes.SPLITS) - 1)


def longer(jobs: Sequence[Job], times: int) -> list[Job]:
    """Return one training of each architecture, of `times` times its steps."""
    return [replace(job, seconds=job.seconds * times) for job in jobs if job.key != BASELINES and job.seed == 0]


def measure(keys: Sequence[str], folder: Path, cores: Sequence[int]) -> dict[str, dict[str, float]]:
    """Return the pace of each architecture, all cores at work as they will be; kept in `folder`."""
    file = folder / PACE
    known: dict[str, dict[str, float]] = json.loads(file.read_text()) if file.is_file() else {}
    wanted = [key for key in keys if key not in known]
    if wanted:
        shares = [share for i in range(len(cores)) if (share := wanted[i :: len(cores)])]
        running = [_start(["pace", *share], core, subprocess.PIPE) for share, core in zip(shares, cores, strict=False)]
        lines = [line for process in running for line in process.communicate()[0].splitlines()]
        if any(process.returncode for process in running):
            raise SystemExit("The pace couldn't be measured; see above.")
        known |= {found.pop("key"): found for line in lines if (found := json.loads(line))}
        parts.write(file, json.dumps(known, indent=1).encode())
    return {key: known[key] for key in keys}


def plan(keys: Sequence[str], folder: Path, paces: dict[str, dict[str, float]]) -> list[Job]:
    """Return what is still to do, the longest first, so that the cores end together."""
    jobs = [Job(BASELINES, 0, folder / zoo_job.BASELINES, 60.0)]
    for key in keys:
        for seed in range(TRAINED[key].seeds):
            jobs.append(Job(key, seed, folder / f"{key}-{seed}" / zoo_job.RESULT, seconds(key, paces[key])))
    return sorted((job for job in jobs if not job.result.is_file()), key=lambda job: -job.seconds)


def left(waiting: Sequence[float], running: Sequence[float], cores: int) -> float:
    """Return the seconds until all is done: each job begins on the core that is free first.

    >>> left([30, 20, 10], [5], 2)  # one core: 5 + 20 + 10, the other: 30
    35
    """
    free = [*running, *[0.0] * (cores - len(running))]
    for job in waiting:
        free[free.index(min(free))] += job
    return max(free)


def table(keys: Sequence[str], paces: dict[str, dict[str, float]]) -> str:
    """Return the plan as text."""
    lines = [f"{'':26}{'seeds':>6}{'ms/step':>9}{'ms/scored':>11}{'min each':>10}{'min in all':>12}"]
    total = 0.0
    for key in keys:
        pace, seeds = paces[key], TRAINED[key].seeds
        each = seconds(key, pace) / 60
        total += each * seeds
        lines.append(
            f"{key:26}{seeds:6}{pace['ms_step']:9.0f}{pace['ms_scored']:11.1f}{each:10.1f}{each * seeds:12.1f}"
        )
    return "\n".join([*lines, f"{'':26}{'':6}{'':9}{'':11}{'':10}{total:12.1f}"])


def run(jobs: Sequence[Job], folder: Path, cores: Sequence[int], trial: bool, times: int = 1) -> list[Job]:
    """Do the jobs, one on each core at a time; return those that failed."""
    waiting, failed, done, total = list(jobs), list[Job](), 0, len(jobs)
    running: dict[int, tuple[Job, subprocess.Popen[str], float]] = {}
    speed = [1.0]  # seconds taken for each second planned
    try:
        while waiting or running:
            for core in [core for core in cores if core not in running and waiting]:
                job = waiting.pop(0)
                running[core] = job, _launch(job, folder, core, trial, times), time.monotonic()
            time.sleep(0.2)
            for core, (job, process, began) in list(running.items()):
                if process.poll() is None:
                    continue
                del running[core]
                done += 1
                took = time.monotonic() - began
                speed.append(took / job.seconds)
                factor = sum(speed[-6:]) / len(speed[-6:])
                begun = [max(0.0, j.seconds * factor - time.monotonic() + t) for j, _, t in running.values()]
                remains = left([j.seconds * factor for j in waiting], begun, len(cores))
                if process.returncode or not job.result.is_file():
                    failed.append(job)
                    said = f"failed, see {job.result.parent / 'log.txt'}"
                else:
                    said = _score(job)
                print(f"[{done}/{total}] {job.name}: {said}, {duration(took)}; {duration(remains)} left", flush=True)
    finally:
        for _, process, _ in running.values():
            process.terminate()
            process.wait()
    return failed


def _launch(job: Job, folder: Path, core: int, trial: bool, times: int) -> subprocess.Popen[str]:
    job.result.parent.mkdir(parents=True, exist_ok=True)
    command = [BASELINES, str(folder)]
    if job.key != BASELINES:
        command = ["train", job.key, str(job.seed), str(folder), str(times)]
    with (job.result.parent / "log.txt").open("w") as log:
        return _start([*command, *["--trial"] * trial], core, log)


def _start(command: Sequence[str], core: int, output: object) -> subprocess.Popen[str]:
    """Start a job on one core, with one thread."""
    errors = subprocess.STDOUT if output is not subprocess.PIPE else None
    process = subprocess.Popen(
        [sys.executable, str(JOB), *command], stdout=output, stderr=errors, text=True,  # type: ignore[call-overload]
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process.pid, {core})  # at once: its threads will inherit it
    return process  # type: ignore[no-any-return]


def _score(job: Job) -> str:
    if job.key == BASELINES:
        return "measured"
    return f"mean IoU {json.loads(job.result.read_text())['splits']['test']['mean_iou']:.3f}"


def _cores(text: str) -> list[int]:
    """Read "0,1" or "0-15", as an argparse type.

    >>> _cores("0,2-4")
    [0, 2, 3, 4]
    """
    try:
        ends = [[int(end) for end in part.split("-")] for part in text.split(",")]
        return [core for first, *last in ends for core in range(first, (last or [first])[0] + 1)]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"wanted cores such as 0,1 or 0-15; got {text!r}") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Plan, train, score, write; return the exit status."""
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="default: runs/zoo; -N is added for --times N")
    parser.add_argument("--cores", type=_cores, default=allowed, help="such as 0,1 (default: all)")
    parser.add_argument("--only", nargs="+", choices=TRAINED, default=list(TRAINED), metavar="KEY")
    parser.add_argument("--times", type=int, choices=range(1, 21), default=1, metavar="N", help="the recipe's steps")
    parser.add_argument("--weights", type=Path, default=zoo.WEIGHTS, help="where weights and cards go")
    parser.add_argument("--dry-run", action="store_true", help="measure, print the plan, and stop")
    parser.add_argument("--trial", action="store_true", help="a step or two of each, to try it out; needs --weights")
    args = parser.parse_args(arguments)
    if args.trial and args.weights == zoo.WEIGHTS:
        parser.error("a trial's weights are worth nothing: say by --weights where to leave them")
    args.output = (args.output or ROOT / "runs" / "zoo").resolve()
    if args.times > 1:  # longer trainings lie beside the others, never among them
        args.output = args.output.with_name(f"{args.output.name}-{args.times}")
    args.output.mkdir(parents=True, exist_ok=True)
    paces = measure(args.only, args.output, args.cores)
    jobs = plan(args.only, args.output, paces)
    if args.times > 1:
        jobs = longer(jobs, args.times)
    if args.times == 1:
        print(table(args.only, paces))
    remains = left([job.seconds for job in jobs], [], len(args.cores)) / 60
    print(f"{len(jobs)} jobs are left: about {remains:.0f} minutes on {len(args.cores)} core(s)"
          f"{'' if remains <= LIMIT else f', MORE than the {LIMIT} that it may take'}", flush=True)  # fmt: skip
    if args.dry_run:
        return 0
    try:
        zoo_job.draw(args.output, zoo_job.TRIAL if args.trial else zoo_job.REAL)
    except ValueError as error:
        parser.error(str(error))
    failed = run(jobs, args.output, args.cores, args.trial, args.times)
    args.weights.mkdir(parents=True, exist_ok=True)
    if args.times > 1:
        written = card_zoo.longer(args.output, args.weights, args.times)
    else:
        written = card_zoo.write(args.output, args.weights)
    print(f"in {args.weights}: {', '.join(written)}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
