"""What was measured, as Markdown and as bars of a plot."""
import statistics

LIMITS = {"read": "limit: pread", "lz4": "limit: pread + LZ4 + unshuffle",
          "deflate": "limit: pread + libdeflate"}
MAP = "memcpy from a mapping"


def median(values):
    return statistics.median(values)


def machine(facts):
    settings = facts["settings"]
    known = ", ".join(f"{name} {version}" for name, version in facts["versions"].items() if version)
    absent = ", ".join(name for name, version in facts["versions"].items() if not version)
    lines = [f"{facts['processor']}, {facts['cores']} cores, {facts['memory_gib']} GiB, load "
             f"{facts['load']:.1f} at the start; {facts['system']}",
             ", ".join(facts["vedatile"]), known]
    if absent:
        lines.append(f"not installed: {absent}")
    lines.append(f"scale {settings['scale']:g}, {settings['repeats']} rounds of "
                 f"{settings['seconds']:g} s, {settings['threads']} threads for vedatile and the "
                 "limit")
    return "\n\n".join(line for line in lines if line) + "\n"


def ratio(rows, limits, key="samples_per_s"):
    """Median over the rounds of one contestant's rate beside another's of the same round."""
    return median([a[key] / b[key] for a, b in zip(rows, limits)])


def cells(row, limits, ours):
    rounds = row["rounds"]
    rates = [one["samples_per_s"] for one in rounds]
    against = f"{ratio(ours, rounds):.2f}" if ours and ours is not rounds else "-"
    memory = f"{row['memory'] / 1e6:.0f}" if "memory" in row else "-"
    return [str(row.get("workers", "-")), f"{median(rates):.0f}",
            f"{min(rates):.0f}-{max(rates):.0f}",
            f"{median([one['gb_per_s'] for one in rounds]):.2f}",
            f"{100 * ratio(rounds, limits):.0f} %", against,
            f"{median([one['cpu_s_per_gb'] for one in rounds]):.2f}", memory,
            f"{1e3 * median([one['first_s'] for one in rounds]):.1f}",
            f"{1e3 * median([one['p99_s'] for one in rounds]):.2f}", proof(row)]


def proof(row):
    """What the untimed pass found."""
    if "verified" not in row:
        return f"{100 * row['resident']:.1f} % left in memory" if "resident" in row else "-"
    found = row["verified"]
    good = found["wrong"] == 0 and found["missing"] == 0
    return "yes" if good else f"NO: {found['wrong']} wrong, {found['missing']} missing"


def limit_row(title, threads, rows, limits):
    rates = [one["samples_per_s"] for one in rows]
    return (f"| *{title}* | {threads} | {median(rates):.0f} | {min(rates):.0f}-{max(rates):.0f} | "
            f"{median([one['gb_per_s'] for one in rows]):.2f} | {100 * ratio(rows, limits):.0f} % "
            f"| - | {median([one['cpu_s_per_gb'] for one in rows]):.2f} | - | - | - | - |\n")


def race(result):
    facts = result["facts"]
    shape = " x ".join(map(str, facts["shape"]))
    threads = ", ".join(sorted({str(one.get("threads", result["threads"]))
                                for one in result["limits"]}))
    limits, rows = result["limits"], result["rows"]
    ours = next((row["rounds"] for name, row in rows.items()
                 if name.startswith("ours") and row["rounds"]), None)
    last = "dropped" if result["workload"] == "W6" else "samples proven"
    text = (f"### {result['workload']}: {result['title']}\n\n{facts['count']} samples of {shape} "
            f"{facts['dtype']}, {facts['count'] * facts['tile_bytes'] / 1e9:.2f} GB, batches of "
            f"{facts['batch_size']}\n\n| | workers | samples/s | spread | GB/s | of the limit | "
            f"vedatile is faster by | CPU s/GB | MB | first batch ms | next() p99 ms | {last} |\n"
            "|---|---|---|---|---|---|---|---|---|---|---|---|\n")
    text += limit_row(LIMITS[result["mode"]], threads, limits, limits)
    if result["maps"]:
        text += limit_row(MAP, threads, result["maps"], limits)
    for row in rows.values():
        if row["rounds"] and "refused" not in row:
            text += f"| {row['title']} | {' | '.join(cells(row, limits, ours))} |\n"
        else:
            text += f"| {row['title']} | {row.get('refused', 'not measured')} " + "| " * 10 + "|\n"
    notes = [f"- {row['title']}: {row['note']}" for row in rows.values() if row["note"]]
    return text + ("\n" + "\n".join(notes) + "\n" if notes else "")


def opening(result):
    """W9: medians over the rounds."""
    text = (f"### W9: {result['title']}\n\n{result['facts']['count']} chunks\n\n"
            "| | ms | spread | what |\n|---|---|---|---|\n")
    for name in dict.fromkeys(row["name"] for row in result["rows"]):
        rows = [row for row in result["rows"] if row["name"] == name]
        refused = [row["refused"] for row in rows if "refused" in row]
        if refused:
            text += f"| {name} | {refused[0]} | | |\n"
            continue
        for key, what in rows[0]["what"].items():
            times = sorted(1e3 * row[key] for row in rows)
            text += (f"| {name}, {key} | {median(times):.1f} | {times[0]:.1f}-{times[-1]:.1f} | "
                     f"{what} |\n")
    return text


def resume(result):
    columns = ("same settings", "other threads or workers", "other ranks")
    text = (f"### W10: {result['title']}\n\nThe stream after a stop in the middle of an epoch, "
            "compared with the one that was not stopped, sample by sample.\n\n"
            f"| | {' | '.join(columns)} |\n|---|---|---|---|\n")
    for row in result["rows"]:
        if "refused" in row:
            text += f"| {row['name']} | {row['refused']} | | |\n"
        else:
            answers = [row["answers"].get(column, "-") for column in columns]
            text += f"| {row['title']} | {' | '.join(answers)} |\n"
    return text


def workload(result):
    return {"W9": opening, "W10": resume}.get(result["workload"], race)(result)


def bars(results):
    """For plot.py: the medians of the races."""
    found = []
    for result in results["workloads"]:
        if "limits" not in result:
            continue
        rows = [(row["title"], median([one["gb_per_s"] for one in row["rounds"]]))
                for row in result["rows"].values() if row["rounds"] and "refused" not in row]
        limits = [(name, median([one["gb_per_s"] for one in measured])) for name, measured in
                  ((LIMITS[result["mode"]], result["limits"]), (MAP, result["maps"])) if measured]
        found.append({"title": f"{result['workload']}: {result['title']}", "rows": rows,
                      "limits": limits})
    return found
