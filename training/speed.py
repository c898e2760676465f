#!/usr/bin/env python3
"""Pictures a second that one processor draws, by family: mean over the sizes and shares of the course's end.

    python3 training/speed.py ASSETS [TIMES]        (seconds of processor time, so that other work beside does not count)
"""
import os
import sys
import time

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import batches  # noqa: E402
import data  # noqa: E402


def main(assets, times=200):
    generator = data.Generator(data.library(), assets, data.TRAIN)
    generator.options(1.0, True)
    whole = 0
    for name, family in data.FAMILIES.items():
        seconds = 0
        for H, W, share, _ in batches.GRIDS[family]:
            if not share:
                continue
            picture, marks = np.empty((H, W, 3), np.uint8), np.empty((H // 32, W // 32, data.MARKS), np.uint8)
            begin = time.process_time()
            for i in range(int(times)):
                generator.make(1, i, family, picture, marks)
            seconds += share * (time.process_time() - begin) / int(times)
        print(f'{name:12} {1 / seconds:7.0f} a second')
        # Batches have about as many tokens each, so that families of large pictures come with few.
        size = sum(share * batches.batch_size(family, H, W, 65536) for H, W, share, _ in batches.GRIDS[family])
        whole += batches.SHARES[family][0] * size * np.array([seconds, 1])
    print(f'{"as trained":12} {whole[1] / whole[0]:7.0f} a second')


main(*sys.argv[1:])
