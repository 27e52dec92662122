"""Bars of what report.bars() makes, read from stdin: python plot.py OUT.png"""
import json
import sys

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  the backend comes first

OURS, OTHERS = "#1b6ca8", "#b8bec6"


def draw(axes, race):
    names = [name for name, _ in race["rows"]][::-1]
    rates = [rate for _, rate in race["rows"]][::-1]
    colours = [OURS if name.startswith("vedatile") else OTHERS for name in names]
    bars = axes.barh(names, rates, color=colours)
    axes.bar_label(bars, fmt="%.2f", padding=3, fontsize=8)
    for (name, limit), style in zip(race["limits"], ("--", ":")):
        axes.axvline(limit, color="black", linestyle=style, linewidth=1,
                     label=f"{name} {limit:.2f}")
    axes.legend(fontsize=8, loc="lower right")
    axes.set_title(race["title"], fontsize=10, loc="left")
    axes.set_xlabel("GB/s delivered", fontsize=8)
    axes.set_xlim(0, 1.15 * max(rates + [limit for _, limit in race["limits"]]))
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def main():
    races = [race for race in json.load(sys.stdin) if race["rows"]]
    heights = [1.2 + 0.3 * len(race["rows"]) for race in races]
    figure, axes = pyplot.subplots(len(races), 1, figsize=(9, sum(heights)), squeeze=False,
                                   gridspec_kw={"height_ratios": heights})
    for one, race in zip(axes[:, 0], races):
        draw(one, race)
    figure.tight_layout()
    figure.savefig(sys.argv[1], dpi=120)


if __name__ == "__main__":
    main()
