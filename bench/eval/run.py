#!/usr/bin/env python3
"""How fast detections are scored, beside the peers (README.md).

    python3 bench/eval/setup.py FOLDER
    python3 bench/eval/run.py --python FOLDER/bin/python [--build build] [--rounds 5]
        [--only vedatile-json,hotcoco] [--tasks boxes-733070,...] [--work FOLDER] [--markdown FILE]

Each contestant runs in a process of its own, one after the other in every round; figures are medians. Who
is slow has one round. The arrays of precision, recall and scores are compared with pycocotools',
or, where that is not asked or takes hours, with ultrafast-pycocotools'."""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
WHO = ["vedatile-columns", "vedatile-run", "vedatile-json", "ultrafast-pycocotools", "hotcoco", "faster-coco-eval",
       "pycocotools", "torchmetrics", "valor-lite"]
# name: detections, kind, objects in one image (0: val2017's shape), limits, who is left out
TASKS = {
    "boxes-36781": (36781, "bbox", 0, "1,10,100", ()),
    "boxes-367810": (367810, "bbox", 0, "1,10,100", ()),
    "boxes-733070": (733070, "bbox", 0, "1,10,100", ()),
    "masks-36781": (36781, "segm", 0, "1,10,100", ("torchmetrics", "valor-lite")),
    "masks-367810": (367810, "segm", 0, "1,10,100", ("torchmetrics", "valor-lite")),
    "masks-733070": (733070, "segm", 0, "1,10,100", ("torchmetrics", "valor-lite")),
    # Loops in Python over 10,000 x 5,000 objects take hours.
    "dense-10000": (10000, "bbox", 5000, "1,100,10000", ("pycocotools", "torchmetrics", "valor-lite")),
}


def run_worker(options, who, folder, task, arrays):
    """The worker's report, or why there is none."""
    _, kind, _, limits, _ = TASKS[task]
    environment = {**os.environ, "PYTHONPATH": str(options.build.resolve() / "tools/python")}
    try:
        done = subprocess.run(
            [options.python, HERE / "worker.py", who, folder, kind, "--limits", limits, "--threads",
             str(options.threads), "--arrays", arrays],
            capture_output=True, text=True, check=False, env=environment, timeout=options.limit)
    except subprocess.TimeoutExpired:
        return {"failed": f"not done after {options.limit} s"}
    if done.returncode != 0:
        return {"failed": (done.stderr.strip().splitlines() or ["?"])[-1][:120]}
    return json.loads(done.stdout.splitlines()[-1])


def measure(options, task, folder, contestants):
    """All rounds, interleaved: lists of reports."""
    reports = {who: [] for who in contestants}
    for number in range(options.rounds):
        for who in contestants:
            slow = any(report.get("seconds", 0) > options.slow for report in reports[who])
            if (slow and number >= options.slow_rounds) or any(
                    "failed" in report for report in reports[who]):
                continue
            report = run_worker(options, who, folder, task, folder / f"{who}.npz")
            reports[who].append(report)
            print(f"{task} {number + 1} {who}: {report.get('failed') or round(report['seconds'], 3)}",
                  file=sys.stderr, flush=True)
    return reports


def compare(options, folder, who, reference):
    """How the arrays of two differ: asked in the peers' Python, which has NumPy."""
    if who == reference:
        return "(reference)"
    done = subprocess.run([options.python, HERE / "compare.py", folder / f"{reference}.npz",
                           folder / f"{who}.npz"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def median(reports, name):
    return statistics.median(report[name] for report in reports)


def table(options, task, folder, reports):
    reference = next((who for who in ("pycocotools", "ultrafast-pycocotools")
                      if reports.get(who) and "failed" not in reports[who][0]), None)
    lines = [f"### {task}", "",
             "| who | rounds | seconds | of it reading | process | CPU s | peak MB | same as the reference |",
             "|---|---|---|---|---|---|---|---|"]
    for who, found in reports.items():
        if not found or "failed" in found[-1]:
            lines.append(f"| {who} | | {found[-1]['failed'] if found else 'not run'} | | | | | |")
            continue
        load = f"{median(found, 'load'):.3f}" if "load" in found[0] else "-"
        same = compare(options, folder, who, reference) if reference else "-"
        lines.append(f"| {who} | {len(found)} | {median(found, 'seconds'):.3f} | {load} | "
                     f"{median(found, 'process'):.2f} | {median(found, 'cpu'):.2f} | "
                     f"{median(found, 'peak_mb'):.0f} | {same} |")
    return "\n".join(lines) + "\n"


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable, help="of the environment with the peers")
    parser.add_argument("--build", type=pathlib.Path, default=HERE.parents[1] / "build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--slow", type=float, default=8, help="seconds from which a contestant is slow")
    parser.add_argument("--slow-rounds", type=int, default=1, help="of those that are slow")
    parser.add_argument("--limit", type=int, default=600, help="seconds a worker may take")
    parser.add_argument("--threads", type=int, default=0, help="of vedatile; 0: one per core")
    parser.add_argument("--only", default=",".join(WHO))
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--work", type=pathlib.Path, help="where the data is kept")
    parser.add_argument("--markdown", type=pathlib.Path)
    return parser.parse_args()


def make_data(options, folder, task):
    """In the peers' Python, since that has NumPy; masks are drawn by vedatile. Then the same as an
    annotation set and a committed run."""
    detections, kind, dense, _, _ = TASKS[task]
    code = ("import pathlib, sys; sys.path[:0] = sys.argv[1:3]; import data; "
            "data.make(pathlib.Path(sys.argv[3]), int(sys.argv[4]), sys.argv[5] == 'segm', "
            "int(sys.argv[6]))")
    subprocess.run([options.python, "-c", code, HERE, options.build.resolve() / "tools/python", folder,
                    str(detections), kind, str(dense)], check=True)
    if (folder / "dt.h5").exists() or "vedatile-run" not in options.only.split(","):
        return
    command = options.build / "tools/vedatile"
    for words in (["annotations", "import", "--free", folder / "gt.h5", folder / "gt.json"],
                  ["predictions", "import", "--free", folder / "dt.h5", folder / "dt.json",
                   "--images", folder / "gt.json", "--commit"]):
        subprocess.run([command, *words], check=True, stdout=subprocess.DEVNULL)


def main():
    options = parse()
    with tempfile.TemporaryDirectory(prefix="vedatile-bench-eval-") as temporary:
        work = options.work or pathlib.Path(temporary)
        text = ""
        for task in options.tasks.split(","):
            folder = work / task
            make_data(options, folder, task)
            contestants = [who for who in options.only.split(",") if who not in TASKS[task][4]]
            text += table(options, task, folder, measure(options, task, folder, contestants)) + "\n"
            if options.markdown:
                options.markdown.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
