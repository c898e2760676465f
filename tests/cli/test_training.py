#!/usr/bin/env python3
"""What begins a training: the shipped pair as a folder and back, and the list of fonts with its table of licences.

    test_training.py BUILD

Turning the pair into a folder needs numpy; without it that part says so and ends well.
"""
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), '..', '..'))
GALAGO = os.path.join(ROOT, sys.argv[1] if len(sys.argv) > 1 else 'build', 'galago')
TRAINING = os.path.join(ROOT, 'training')
PAIR = [os.path.join(ROOT, 'models', 'demo', name) for name in ('demo.gguf', 'mmproj-demo.gguf')]
sys.path.insert(0, TRAINING)
sys.dont_write_bytecode = True
passed = failed = 0


def check(good, what):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print(f'FAILED: {what}', file=sys.stderr)


def run(*args):
    p = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=900, cwd=ROOT)
    check(p.returncode == 0, f'{" ".join(args)[-200:]}: exit status {p.returncode}: {p.stderr.decode()[-300:]}')
    return p.stdout


def test_licences():
    """Every family that training draws with from npm is in the table, and the table has no other."""
    with open(os.path.join(TRAINING, 'web_fonts.txt')) as f:
        names = f.read().split()
    with open(os.path.join(TRAINING, 'LICENSES.md')) as f:
        rows = re.findall(r'^\| @fontsource \S+ \|(.*?)\|', f.read(), re.M)
    told = [family.strip().lower().replace(' ', '-') for row in rows for family in row.split(',')]
    check(len(names) == len(set(names)) and sorted(told) == sorted(names), f'web_fonts.txt and LICENSES.md differ: {sorted(set(told) ^ set(names))}')


def test_from_gguf(np):
    """The folder that training goes on from holds the pair's values: converted back it has the same keys, weights and answers."""
    import from_gguf
    with tempfile.TemporaryDirectory() as folder:
        run(sys.executable, os.path.join(TRAINING, 'from_gguf.py'), *PAIR, folder)
        back = [os.path.join(folder, name) for name in ('back.gguf', 'mmproj-back.gguf')]
        run(GALAGO, 'convert', os.path.join(folder, 'export'), back[0], '--dtype', 'q8_0', '--quiet')
        for before, after in zip(PAIR, back):
            (keys, tensors), (new_keys, new) = from_gguf.read(before), from_gguf.read(after)
            other = {name for name in keys.keys() | new_keys.keys() if keys.get(name) != new_keys.get(name)} - {'general.name', 'general.file_type'}
            check(not other, f'{before}: other keys {other}')
            check(list(tensors) == list(new), f'{before}: other tensors')
            for name in tensors.keys() & new.keys():
                x, y = tensors[name], new[name]
                # A matrix went through F16 and its blocks of 32 were rounded anew; the rest kept its values.
                step = np.abs(x.reshape(-1, 32)).max(1, keepdims=True) / 127 if x.ndim > 1 and not x.size % 32 else np.abs(x) * 1e-6
                check(x.shape == y.shape and (np.abs(x - y).reshape(step.shape[0], -1) <= step.reshape(step.shape[0], -1) + 1e-7).all(), f'{before}: {name} differs')
        samples = os.path.join(ROOT, 'models', 'demo', 'samples')
        for sample in sorted(os.listdir(samples)):
            answers = [run(GALAGO, 'describe', '-m', model, '--temperature', '0', os.path.join(samples, sample)) for model in (PAIR[0], back[0])]
            check(answers[0] == answers[1] and len(answers[0]) > 3, f'{sample}: {answers}')


def main():
    test_licences()
    try:
        import numpy
    except ImportError:
        print('a pair as a folder: not tested, numpy missing')
    else:
        test_from_gguf(numpy)
    print(f'training begins: {passed} passed, {failed} failed')
    return 1 if failed or not passed else 0


if __name__ == '__main__':
    sys.exit(main())
