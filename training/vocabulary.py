"""The demo model's tokenizer: byte-level BPE learnt from the generator's own texts, then the Qwen control tokens in the published order.

    python3 training/vocabulary.py ASSETS OUT.json [MERGES]
"""
import collections
import json
import os
import re
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tools', 'reference'))
import make_tiny  # noqa: E402  the layout of tokenizer.json, the control tokens and the byte alphabet are the same
import data  # noqa: E402


def texts(assets, n):
    """What questions and answers say; what is copied from pictures is written byte by byte and teaches no pieces."""
    g = data.Generator(data.library(), assets, data.TRAIN)
    g.options(1.0, True)
    canvas = np.zeros((320, 320, 3), np.uint8)
    asked = [data.READING, data.SHAPES, data.SCENES, data.SCENES, data.DOCUMENTS, data.DOCUMENTS, data.CHARTS]
    for i in range(n):
        _, prompt, answer = g.make(1, i, asked[i % len(asked)], canvas)
        yield prompt
        yield ' '.join(answer.split(data.COPIED)[::2])


def learn(words, count):
    """Merges of the most frequent pairs; `words` maps tuples of symbols to counts."""
    merges = []
    pairs, where = collections.Counter(), collections.defaultdict(set)
    words = [[list(w), n] for w, n in words.items()]
    for k, (w, n) in enumerate(words):
        for p in zip(w, w[1:]):
            pairs[p] += n
            where[p].add(k)
    while len(merges) < count:
        best = max(pairs, key=lambda p: (pairs[p], p))
        merges.append(best)
        for k in list(where.pop(best)):
            w, n = words[k]
            for p in zip(w, w[1:]):
                pairs[p] -= n
            i, out = 0, []
            while i < len(w):
                if i + 1 < len(w) and (w[i], w[i + 1]) == best:
                    out.append(w[i] + w[i + 1])
                    i += 2
                else:
                    out.append(w[i])
                    i += 1
            words[k][0] = out
            for p in zip(out, out[1:]):
                pairs[p] += n
                where[p].add(k)
        del pairs[best]
    return merges


def main(assets, out, count=1024):
    chars = make_tiny.byte_characters()
    # The pre-tokenizer's pieces, for the ASCII texts of the generator.
    split = re.compile(r"'(?:s|t|re|ve|m|ll|d)|[^\r\nA-Za-z0-9]?[A-Za-z]+|[0-9]| ?[^\sA-Za-z0-9]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    words = collections.Counter()
    for t in texts(assets, 30000):
        for piece in split.findall(t):
            words[tuple(chars[b] for b in piece.encode())] += 1
    merges = learn(words, count)
    with open(out, 'w') as f:
        json.dump(make_tiny.tokenizer_json(merges, False), f, ensure_ascii=False)
    print(f'{256 + len(merges)} entries and {len(make_tiny.ADDED)} control tokens')


if __name__ == '__main__':
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
