"""What is measured of a model and what is wanted, and the file that keeps it: models/demo/figures.json."""
import json
import math
import os

import measure

PATH = os.path.join(measure.ROOT, 'models', 'demo', 'figures.json')
# Name: what it is, what is wanted (None: nothing was set). Error rates are wanted below, all else above.
SETS = {
    'line': ('a printed line', 0.02),
    'paragraph': ('text of up to twelve lines', 0.05),
    'page': ('whole documents and code', None),
    'document': ('questions about receipts and forms', 0.90),
    'papers': ('about invoices, cards, tickets, labels, tables, signs, screens', None),
    'chart': ('about bar, line and pie charts', 0.85),
    'name': ('naming emoji in two unseen styles', 0.75),
    'count': ('how many (shapes, emoji)', 0.95),
    'colour': ('what colour', 0.95),
    'place': ('where', 0.95),
    'absent': ('what is not there is said not to be there', 0.90),
    'json': ('JSON, right in every field', 0.85),
    'yesno': ('yes or no', None),
    'choose': ('only from this list', None),
    'describe': ('a sentence, right word for word', None),
}
METRICS = {'cer': 'character error rate', 'exact': 'right', 'anls': 'ANLS', 'json': 'right', 'contains': 'right'}


def reached(name, figure):
    """True, False, or None where nothing was set."""
    want = SETS[name][1]
    if want is None:
        return None
    return figure['score'] <= want if figure['metric'] == 'cer' else figure['score'] >= want


def right(figure):
    """The share that is right, whatever the metric; an error rate above 1 counts as nothing right."""
    return max(0.0, 1 - figure['score']) if figure['metric'] == 'cer' else figure['score']


def resampled(ours, theirs, seed=1):
    """Points gained (negative: lost) on the items that both have, and 1000 such figures of items drawn again, each with its own pair."""
    import numpy as np
    n = min(len(ours), len(theirs))
    ours, theirs = ours[:n], theirs[:n]
    cer = ours[0]['metric'] == 'cer'
    weight = np.array([len(i['answer']) if cer else 1 for i in ours], float)
    gain = np.array([a['score'] - b['score'] for a, b in zip(ours, theirs)]) * weight * (-1 if cer else 1)
    rows = np.random.default_rng(seed).integers(0, n, (1000, n))
    return gain.sum() / weight.sum(), gain[rows].sum(1) / weight[rows].sum(1)


def interval(points, means):
    """As figures.json keeps it: the points with the 95 % interval of the 1000 figures."""
    low, high = sorted(means)[25], sorted(means)[974]
    return {'points': round(float(points), 5), 'low': round(float(low), 5), 'high': round(float(high), 5)}


def compared(ours, theirs):
    """How the answers to the first items that both have differ: points gained with a 95 % interval, share of same texts."""
    n = min(len(ours), len(theirs))
    return {'items': n, **interval(*resampled(ours, theirs)), 'same': sum(a['text'] == b['text'] for a, b in zip(ours, theirs)) / n}


def mean_change(pairs):
    """The mean over sets of the points gained, every set alike, with its interval.  pairs: [(our answers, theirs)]"""
    points, means = zip(*(resampled(*pair, seed) for seed, pair in enumerate(pairs)))
    return interval(sum(points) / len(points), sum(means) / len(means))


def collect(bench, models, ship, scores, how):
    seen = json.loads(measure.call(bench.galago, 'inspect', '--json', models[ship]))
    found = {'shipped': ship, **how, 'config': seen['config'], 'parameters': sum(math.prod(t['shape']) for t in seen['tensors']), 'formats': {}}
    for m, path in models.items():
        vision = measure.beside(path)
        sets = {}
        for name, result in scores[m].items():
            top = result['metrics'][0]
            sets[name] = {**top, 'tasks': [t for t in result['tasks']] if len(result['tasks']) > 1 else []}
        found['formats'][m] = {'text_bytes': os.path.getsize(path), 'vision_bytes': os.path.getsize(vision), 'sets': sets}
    found['digest'] = measure.digest(models[ship], measure.beside(models[ship]))
    return found


def write(path, found):
    with open(path + '.new', 'w') as f:
        json.dump(found, f, indent=1)
        f.write('\n')
    os.replace(path + '.new', path)


def load():
    with open(PATH) as f:
        return json.load(f)
