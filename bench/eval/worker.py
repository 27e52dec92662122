"""One evaluation by one of the contestants, in a process of its own: run.py starts it.

    python worker.py WHO FOLDER KIND [--limits 1,10,100] [--threads N] [--arrays FILE]

FOLDER has what data.py makes, KIND is bbox or segm. Prints a line of JSON: `seconds` from the files (or, for
vedatile-columns, from arrays in memory) to the twelve numbers, of which `load` went into reading and
`evaluate` into the rest; `process` with the interpreter's start and imports; `cpu`; `peak_mb`, and
`stats`. --arrays keeps precision, recall and scores."""
import argparse
import contextlib
import io
import json
import os
import pathlib
import resource
import time

STARTED = time.perf_counter()


def as_pycocotools(coco_class, eval_class):
    """Who has the classes of pycocotools."""
    def run(folder, kind, limits, clock):
        truth = coco_class(str(folder / "gt.json"))
        found = truth.loadRes(str(folder / "dt.json"))
        clock("load")
        evaluation = eval_class(truth, found, kind)
        evaluation.params.maxDets = list(limits)
        evaluation.evaluate()
        evaluation.accumulate()
        arrays, stats = evaluation.eval, []
        if len(limits) == 3 and limits[2] == 100:
            evaluation.summarize()
            stats = evaluation.stats
            arrays = {**arrays, "stats": stats}
        clock("evaluate")
        return stats, arrays
    return run


def pycocotools():
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval
    return as_pycocotools(COCO, COCOeval)


def faster_coco_eval():
    from faster_coco_eval import COCO, COCOeval_faster
    return as_pycocotools(COCO, COCOeval_faster)


def ultrafast():
    from ultrafast_pycocotools import COCO, COCOeval
    return as_pycocotools(COCO, COCOeval)


def hotcoco():
    from hotcoco import COCO, COCOeval
    return as_pycocotools(COCO, COCOeval)


def vedatile_json():
    from vedatile.coco import COCO, COCOeval
    COCOeval.threads = THREADS
    return as_pycocotools(COCO, COCOeval)


def vedatile_columns():
    """From arrays that are in memory, as a run's columns are."""
    import numpy as np
    from vedatile import detection

    def columns(path):
        with np.load(path) as file:
            found = {name: file[name] for name in file.files}
        shapes = {name: found.pop(name) for name in ("counts", "count_offsets", "size")
                  if name in found}
        images = int(found.pop("images"))
        if shapes:
            found["shapes"] = shapes
        return found, images

    def run(folder, kind, limits, clock):
        truth, images = columns(folder / "gt.npz")
        found, _ = columns(folder / "dt.npz")
        clock(None)  # reading a NumPy file is not what is measured
        categories = int(truth["category"].max()) + 1
        matches = detection.match(truth, found, images=images, categories=categories, keep_ids=False,
                                  max_detections=limits, coco_ignores_ignore=True, threads=THREADS)
        scores = matches.scores()
        stats = scores.stats
        clock("evaluate")
        return stats, {"precision": scores.precision, "recall": scores.recall,
                       "scores": scores.scores}
    return run


def vedatile_run():
    """From the files of an annotation set and of a committed run, to the whole document."""
    import numpy as np
    import vedatile
    names = ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"]

    def run(folder, kind, limits, clock):
        found = vedatile.evaluate(ground_truth=folder / "gt.h5", predictions=folder / "dt.h5",
                                  iou=kind, max_detections=limits, threads=THREADS)
        metrics = found.metrics
        stats = [-1 if metrics.get(name) is None else metrics[name] for name in names]
        clock("evaluate")
        return stats, {"stats": np.array(stats)}
    return run


def torchmetrics():
    import torch
    from torchmetrics.detection import MeanAveragePrecision

    def by_image(records, ids, scored):
        found = {i: ([], [], [], []) for i in ids}
        for r in records:
            boxes, labels, scores, crowds = found[r["image_id"]]
            boxes.append(r["bbox"])
            labels.append(r["category_id"])
            (scores if scored else crowds).append(r["score"] if scored else r["iscrowd"])
        last = "scores" if scored else "iscrowd"
        return [{"boxes": torch.tensor(b, dtype=torch.float64).reshape(-1, 4),
                 "labels": torch.tensor(l, dtype=torch.int64),
                 last: torch.tensor(s if scored else c)} for b, l, s, c in found.values()]

    def run(folder, kind, limits, clock):
        if kind != "bbox":
            raise NotImplementedError("boxes only: masks would be pixels, some 200 GB of them")
        truth = json.loads((folder / "gt.json").read_text())
        ids = [i["id"] for i in truth["images"]]
        truths = by_image(truth["annotations"], ids, False)
        found = by_image(json.loads((folder / "dt.json").read_text()), ids, True)
        clock("load")
        metric = MeanAveragePrecision(box_format="xywh", max_detection_thresholds=list(limits))
        metric.update(found, truths)
        scores = metric.compute()
        clock("evaluate")
        return [float(scores[name]) for name in ("map", "map_50", "map_75")], {}
    return run


def valor_lite():
    """Its own protocol: the numbers are others on purpose."""
    from valor_lite.object_detection import BoundingBox, Detection, Loader

    def box(record, number, scored):
        x, y, width, height = record["bbox"]
        return BoundingBox(uid=str(number), xmin=x, xmax=x + width, ymin=y, ymax=y + height,
                           labels=[str(record["category_id"])],
                           scores=[record["score"]] if scored else [])

    def run(folder, kind, limits, clock):
        if kind != "bbox":
            raise NotImplementedError("boxes only: masks would be pixels, some 200 GB of them")
        truth = json.loads((folder / "gt.json").read_text())
        made = {i["id"]: ([], []) for i in truth["images"]}
        for number, record in enumerate(truth["annotations"]):
            made[record["image_id"]][0].append(box(record, number, False))
        for number, record in enumerate(json.loads((folder / "dt.json").read_text())):
            made[record["image_id"]][1].append(box(record, number, True))
        clock("load")
        loader = Loader.in_memory()
        loader.add_bounding_boxes([Detection(uid=str(i), groundtruths=g, predictions=p)
                                   for i, (g, p) in made.items()])
        metrics = loader.finalize().compute_precision_recall(
            iou_thresholds=[0.5 + 0.05 * i for i in range(10)], score_thresholds=[0.5])
        clock("evaluate")
        means = [m.to_dict()["value"] for name, found in metrics.items()
                 if "mAPAveragedOverIOUs" in str(name) for m in found]
        return means[:1], {}
    return run


CONTESTANTS = {"vedatile-columns": vedatile_columns, "vedatile-run": vedatile_run,
               "vedatile-json": vedatile_json,
               "ultrafast-pycocotools": ultrafast, "hotcoco": hotcoco,
               "faster-coco-eval": faster_coco_eval, "pycocotools": pycocotools,
               "torchmetrics": torchmetrics, "valor-lite": valor_lite}
THREADS = 0


def keep_arrays(path, arrays):
    import numpy as np
    np.savez(path, **{name: np.asarray(arrays[name]) for name in ("precision", "recall", "scores", "stats")
                      if arrays and name in arrays})


def main():
    global THREADS
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("who", choices=CONTESTANTS)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("kind", choices=["bbox", "segm"])
    parser.add_argument("--limits", default="1,10,100")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--arrays")
    options = parser.parse_args()
    THREADS = options.threads
    run = CONTESTANTS[options.who]()
    times, last = {}, time.perf_counter()

    def clock(name):
        nonlocal last
        now = time.perf_counter()
        if name is not None:
            times[name] = times.get(name, 0) + now - last
        last = now

    before = os.times()
    with contextlib.redirect_stdout(io.StringIO()):
        stats, arrays = run(options.folder, options.kind,
                            [int(limit) for limit in options.limits.split(",")], clock)
    after = os.times()
    report = {"seconds": sum(times.values()), **times, "process": time.perf_counter() - STARTED,
              "cpu": after.user + after.system - before.user - before.system,
              "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
              "stats": [float(s) for s in stats]}
    if options.arrays:
        keep_arrays(options.arrays, arrays)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
