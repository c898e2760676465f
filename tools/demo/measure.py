"""Formats of a model, held-out sets and their scores, all kept: what is there already is not made again."""
import concurrent.futures
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), '..', '..'))
# Name: types of text and vision part. The first is what others are compared with.
FORMATS = {'bf16': ('bf16', 'bf16'), 'q8_0': ('q8_0', 'q8_0'), 'q6_k': ('q6_k', 'q6_k'), 'q5_k': ('q5_k', 'q8_0'), 'q4_k': ('q4_k', 'q8_0'),
           'q4_0': ('q4_0', 'q8_0'), 'q4_k small': ('q4_k', 'q4_0')}
UNQUANTISED = 'bf16'
LONGEST = {'line': 120, 'paragraph': 700, 'page': 700}  # tokens of an answer; 200 elsewhere


def digest(*paths, text=''):
    """Hash of files (folders: of all that is in them, with names) and a text."""
    h = hashlib.sha256(text.encode())
    for path in paths:
        files = [path]
        if os.path.isdir(path):
            files = sorted(os.path.join(folder, f) for folder, _, names in os.walk(path) for f in names)
        for file in files:
            h.update(os.path.relpath(file, path).encode() + b'\0')
            with open(file, 'rb') as f:
                h.update(hashlib.sha256(f.read()).digest())
    return h.hexdigest()


def known(parser, what, given, names):
    """Ends the program when one of `given` (commas between) is none of the names."""
    unknown = [x for x in given.split(',') if x not in names]
    if unknown:
        parser.error(f'no {what} {", ".join(unknown)}; there are {", ".join(names)}')


def beside(gguf):
    """The vision part of a pair, as galago looks for it."""
    return os.path.join(os.path.dirname(gguf), 'mmproj-' + os.path.basename(gguf))


def call(*command):
    p = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if p.returncode:
        sys.exit(f'{" ".join(map(str, command))}: ended with {p.returncode}: {p.stderr.strip()[-600:]}')
    return p.stdout


class Bench:
    """What one report needs: the program, the folder where everything is kept, how many processes work at once."""

    def __init__(self, galago, out, jobs):
        self.galago, self.out, self.jobs = os.path.abspath(galago), os.path.abspath(out), jobs
        if not os.access(self.galago, os.X_OK):
            sys.exit(f'{galago} is not there: run make, or name the program with --galago')
        self.program = digest(self.galago)

    def formats(self, source, names):
        """Path of each format's text part. `source` is an exported folder, or a GGUF file, which is taken as it is."""
        if os.path.isfile(source):
            text = json.loads(call(self.galago, 'inspect', '--json', source))
            kinds = {t['dtype'] for t in text['tensors'] if t['name'] == 'token_embd.weight'}
            return {kinds.pop(): source}
        if not os.path.exists(os.path.join(source, 'config.json')):
            sys.exit(f'{source}: neither an exported folder (config.json is missing) nor a GGUF file')
        key = digest(source)[:12]
        paths = {}
        for name in names:
            folder = os.path.join(self.out, 'models', key, name.replace(' ', '-'))
            paths[name] = os.path.join(folder, 'demo.gguf')
            if os.path.exists(paths[name]):
                continue
            text, vision = FORMATS[name]
            new = folder + '.new'
            shutil.rmtree(new, ignore_errors=True)
            os.makedirs(new)
            call(self.galago, 'convert', source, os.path.join(new, 'demo.gguf'), '--dtype', text, '--vision-dtype', vision, '--quiet')
            os.replace(new, folder)
        return paths

    def sets(self, assets, names, items, seed, library=None):
        """Folder of each set. Drawn again when the generator, its assets, the number or the seed differ."""
        training = os.path.join(ROOT, 'training')
        sources = [os.path.join(training, 'pictures', f) for f in sorted(os.listdir(os.path.join(training, 'pictures'))) if f.endswith(('.c', '.h'))]
        if not os.path.isdir(assets):
            sys.exit(f'{assets}: the fonts and words are missing; training/README.md says how they are made')
        key = digest(os.path.join(training, 'held_out.py'), os.path.join(training, 'data.py'), assets, *sources, text=f'{items} {seed}')[:12]
        folder = os.path.join(self.out, 'sets', key)
        missing = [n for n in names if not os.path.exists(os.path.join(folder, n, 'items.jsonl'))]

        def draw(name):
            new = f'{folder}.{name}.new'
            shutil.rmtree(new, ignore_errors=True)
            call(sys.executable, os.path.join(training, 'held_out.py'), '--assets', assets, '--out', new, '--items', str(items), '--seed', str(seed),
                 '--sets', name, *(['--library', library] if library else []))
            os.makedirs(folder, exist_ok=True)
            os.replace(os.path.join(new, name), os.path.join(folder, name))
            os.rmdir(new)
            print(f'drawn: {name}', flush=True)
        if missing:
            draw(missing[0])  # alone: it may compile the generator
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            list(pool.map(draw, missing[1:]))
        return {n: os.path.join(folder, n) for n in names}

    def score(self, model, folder, name, limit):
        """Scores of a set, from the store when this program, this model and these items were measured before."""
        key = digest(model, beside(model), folder, text=f'{self.program} {limit} {LONGEST.get(name, 200)}')[:20]
        path = os.path.join(self.out, 'scores', key)
        if not os.path.exists(path + '.json'):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            start, new = time.time(), f'{path}.{os.getpid()}.{name}.new'
            text = call(self.galago, 'eval', '--model', model, '--threads', '1', '--device', 'cpu', '--json', '--temperature', '0', '--limit', str(limit),
                        '--max-tokens', str(LONGEST.get(name, 200)), '--out', new, folder)
            result = json.loads(text)
            result['seconds'] = round(time.time() - start, 1)
            os.replace(new, path + '.jsonl')
            with open(new, 'w') as f:
                json.dump(result, f)
            os.replace(new, path + '.json')
        with open(path + '.json') as f:
            result = json.load(f)
        with open(path + '.jsonl', encoding='utf-8') as f:
            result['answers'] = [json.loads(line) for line in f]
        return result

    def scores(self, models, sets, limit):
        """{format: {set: scores}}; two processes of one thread do more than one of two."""
        out = {m: {} for m in models}
        started, done, n = time.time(), 0, len(models) * len(sets)
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            # The longest first, so that no process is alone at the end of a format.
            order = sorted(sets, key=lambda s: -LONGEST.get(s, 200))
            jobs = {pool.submit(self.score, models[m], sets[s], s, limit): (m, s) for m in models for s in order}
            try:
                for job in concurrent.futures.as_completed(jobs):
                    m, s = jobs[job]
                    out[m][s] = job.result()
                    done += 1
                    top = out[m][s]['metrics'][0]
                    print(f'{done}/{n} after {time.time() - started:.0f} s: {m} {s}: {top["metric"]} {100 * top["score"]:.1f} % '
                          f'({out[m][s]["seconds"]:.0f} s)', flush=True)
            except BaseException:
                for job in jobs:
                    job.cancel()
                raise
        return {m: {s: out[m][s] for s in sets} for m in models}
