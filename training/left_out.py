#!/usr/bin/env python3
"""Words that no picture shows: coarse and offensive ones, and names that must not stand beside words drawn at random.

    python3 training/left_out.py WORD...        their marks, to be added to left_out.txt

left_out.txt holds marks (the beginnings of hashes), so that the words themselves stand nowhere in the project.
"""
import hashlib
import os
import sys

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'left_out.txt')
APART = 20  # pictures.c keeps every twentieth line from training


def mark(word):
    return hashlib.sha256(b'left out: ' + word.encode()).hexdigest()[:8]


def marks():
    with open(PATH) as f:
        return set(f.read().split())


def without(words):
    """The list with every such word replaced by the next one that is good and on the same side of the split, so that all others keep theirs."""
    bad = marks()
    good = [mark(w) not in bad for w in words]
    out = list(words)
    for i, fine in enumerate(good):
        if not fine:
            side = range(i % APART, len(words), APART)
            at = side.index(i)
            out[i] = next((words[j] for j in [*side[at:], *side[:at]] if good[j]), None)
    return [w for w in out if w]


if __name__ == '__main__':
    print(*map(mark, sys.argv[1:]), sep='\n')
