#!/usr/bin/env python3
"""Draws a run's log.csv over the pictures seen: the losses and, where the log tells them, the shares of what is right.

    python3 training/curve.py RUN/log.csv OUT.png [NAME...]        (python3-matplotlib)

train.py begins the file with a line of names. A file without one (training/log.csv is such) has seconds, steps, pictures, then the
mean loss of each kind of picture since the row before (nan when none came) and that of the multi-token prediction layer; NAME names
these kinds, in order.
"""
import csv
import math
import sys

import matplotlib

matplotlib.use('Agg')
import matplotlib.pyplot as plt  # noqa: E402

KINDS = {'read': 'lines', 'shapes': 'shapes', 'scenes': 'emoji', 'paragraphs': 'paragraphs', 'documents': 'documents', 'pages': 'whole pages', 'charts': 'charts'}
LOSSES = {**{f'{kind}_loss': label for kind, label in KINDS.items()}, 'next_loss': 'token after the next'}
SHARES = {**{f'{kind}_right': f'{label}, the tokens before given' for kind, label in KINDS.items()}, 'held_out_right': 'lines, held out',
          'next_right': 'token after the next', 'level': 'level of the course'}


def load(path, names):
    """Columns by name, labels of the losses, labels of the shares (without a line of names there are none)."""
    with open(path, newline='') as f:
        rows = [row for row in csv.reader(f) if row]
    if not rows:
        sys.exit(f'{path}: holds no rows')
    if rows[0][0] == 'seconds':
        if names:
            sys.exit(f'{path}: names its columns itself; leave out {" ".join(names)}')
        head, rows, losses, shares = rows[0], rows[1:], LOSSES, SHARES
    else:
        if len(names) != len(rows[0]) - 4:
            sys.exit(f'{path}: has {len(rows[0]) - 4} kinds of pictures, {len(names)} names were given')
        head, losses, shares = ['seconds', 'step', 'pictures', *names, 'next_loss'], dict(zip(names, names)), {}
    if any(len(row) != len(head) for row in rows):
        sys.exit(f'{path}: has a row that is not {len(head)} columns wide')
    return {name: [float(row[i]) for row in rows] for i, name in enumerate(head)}, losses, shares


def draw(axes, columns, labels):
    for name, label in labels.items():
        if name not in columns:
            continue
        points = [(x / 1e6, y) for x, y in zip(columns['pictures'], columns[name]) if not math.isnan(y)]
        if points:
            axes.plot(*zip(*points), label=label, linewidth=1)
    axes.grid(True, which='both', alpha=0.3)
    axes.legend(fontsize='small')


def main(log, out, *names):
    columns, losses, shares = load(log, names)
    panels = 2 if shares else 1
    figure, axes = plt.subplots(panels, sharex=True, squeeze=False, figsize=(8, 4.5 * panels))
    axes = axes[:, 0]
    draw(axes[0], columns, losses)
    axes[0].set(ylabel='nats per token of the answer', yscale='log')
    if shares:
        draw(axes[1], columns, shares)
        axes[1].set(ylabel='share', ylim=(0, 1.02))
    axes[-1].set(xlabel='million pictures')
    figure.tight_layout()
    figure.savefig(out, dpi=110)


if __name__ == '__main__':
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
