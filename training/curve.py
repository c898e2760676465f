#!/usr/bin/env python3
"""Draws the loss over the pictures seen.

    python3 training/curve.py RUN/log.csv OUT.png NAME...        (python3-matplotlib)

NAME: one for each row of the course (train.py's COURSES), in order. A row of log.csv: seconds, steps, pictures, the mean loss of each
kind of picture since the row before (nan when none came), the loss of the multi-token prediction layer.
"""
import csv
import math
import sys

import matplotlib

matplotlib.use('Agg')
import matplotlib.pyplot as plt  # noqa: E402


def main(log, out, *names):
    rows = [[float(x) for x in row] for row in csv.reader(open(log)) if row]
    figure, axes = plt.subplots(figsize=(8, 4.5))
    for column, name in enumerate(names, 3):
        points = [(row[2] / 1e6, row[column]) for row in rows if not math.isnan(row[column])]
        axes.plot(*zip(*points), label=name, linewidth=1)
    axes.set(xlabel='million pictures', ylabel='nats per token of the answer', yscale='log')
    axes.grid(True, which='both', alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(out, dpi=110)


if __name__ == '__main__':
    main(*sys.argv[1:])
