#!/usr/bin/env python3
"""Writes the marked parts of docs/DEMO_MODEL.md and models/demo/README.md from models/demo/figures.json.

    tools/demo/tables.py [--check]        --check: changes nothing, ends with 1 when a file is not what it would write

A marked part lies between a line with "figures: NAME" and one with "figures end"; the rest of the files is written by hand.
"""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import figures  # noqa: E402
import measure  # noqa: E402

FILES = [os.path.join(measure.ROOT, 'docs', 'DEMO_MODEL.md'), os.path.join(measure.ROOT, 'models', 'demo', 'README.md')]


def percent(x, digits=1):
    return f'{100 * x:.{digits}f}'


def value(figure, x):
    return f'{x:.3f}' if figure['metric'] == 'anls' else f'{percent(x)} %'


def span(figure):
    return f'{figure["low"]:.3f} to {figure["high"]:.3f}' if figure['metric'] == 'anls' else f'{percent(figure["low"])} to {percent(figure["high"])}'


def wanted(name, figure):
    want = figures.SETS[name][1]
    if want is None:
        return ''
    return f'at most {100 * want:g} %' if figure['metric'] == 'cer' else f'{want:.2f}' if figure['metric'] == 'anls' else f'{100 * want:g} %'


def table(head, rows):
    return '\n'.join(['| ' + ' | '.join(head) + ' |', '|' + '---|' * len(head)] + ['| ' + ' | '.join(row) + ' |' for row in rows])


def megabytes(form):
    return (form['text_bytes'] + form['vision_bytes']) / 1e6


def shipped(found):
    """The format that ships, and its sets."""
    return found['formats'][found['shipped']]


def results(found):
    rows = []
    for name, figure in shipped(found)['sets'].items():
        rows.append([name, figures.SETS[name][0], figures.METRICS[figure['metric']], str(figure['items']), f'**{value(figure, figure["score"])}**', span(figure),
                     wanted(name, figure), {True: 'yes', False: 'no', None: ''}[figures.reached(name, figure)]])
    return table(['set', 'what', 'metric', 'items', 'figure', '95 % interval', 'wanted', 'reached'], rows)


def summary(found):
    marks = {n: figures.reached(n, f) for n, f in shipped(found)['sets'].items()}
    good, bad = [n for n, m in marks.items() if m], [n for n, m in marks.items() if m is False]
    return (f'Of the {len(good) + len(bad)} figures with something wanted, {len(good)} reach it' + (f' ({", ".join(good)})' if good else '') +
            (f' and {len(bad)} do not ({", ".join(bad)}).' if bad else '.'))


def tasks(found):
    rows = []
    for name, figure in shipped(found)['sets'].items():
        for task in figure['tasks']:
            rows.append([name, task['task'], str(task['items']), value(task, task['score']), span(task)])
    return table(['set', 'part', 'items', 'figure', '95 % interval'], rows)


def change(x):
    points, low, high = (round(100 * x[key], 1) + 0.0 for key in ('points', 'low', 'high'))  # -0.0 is 0.0
    return f'{points:+.1f} ({low:+.1f} to {high:+.1f})'


def by_size(study):
    return sorted(study['formats'], key=lambda f: -megabytes(study['formats'][f]))


def formats(found):
    study = found.get('study')
    if not study:
        return 'Not measured yet.'
    rows = []
    for form in by_size(study):
        data = study['formats'][form]
        sets = data['sets'].values()
        row = [f'**{form}**' if form == found['shipped'] else form, f'{data["text_bytes"] / 1e6:.2f}', f'{data["vision_bytes"] / 1e6:.2f}', f'{megabytes(data):.2f}',
               percent(sum(map(figures.right, sets)) / len(sets))]
        if 'mean' in data:
            row += [change(data['mean']), percent(sum(x['compared']['same'] for x in sets) / len(sets)) + ' %']
        else:
            row += ['', '']
        rows.append(row)
    of = '' if study['digest'] == found['digest'] else ' Measured with the model that shipped before.'
    return (f'{study["items"]} items of each of {len(study["formats"][by_size(study)[0]]["sets"])} sets, the same ones for every format.{of}\n\n' +
            table(['format', 'text, MB', 'vision, MB', 'together, MB', 'mean of the sets, % right', 'change, points', 'same words as unquantised'], rows))


def by_set(found):
    study = found.get('study')
    if not study:
        return ''
    first, *rest = by_size(study)
    rows = [[name, value(figure, figure['score'])] + [change(study['formats'][form]['sets'][name]['compared']) for form in rest]
            for name, figure in study['formats'][first]['sets'].items()]
    return table(['set', first] + rest, rows)


def model(found):
    t, v = found['config']['text'], found['config']['vision']
    kinds = t['layers']
    rows = [
        ['parameters', f'{found["parameters"] / 1e6:.1f} million, the MTP layer among them'],
        ['files', f'{found["shipped"]}: demo.gguf {shipped(found)["text_bytes"] / 1e6:.2f} MB, mmproj-demo.gguf {shipped(found)["vision_bytes"] / 1e6:.2f} MB'],
        ['decoder', f'{t["n_layers"]} layers ({kinds.count("linear")} gated DeltaNet, {kinds.count("full")} gated attention: {", ".join(kinds)}), '
                    f'width {t["d_model"]}, MLP {t["d_ff"]}'],
        ['attention', f'{t["n_heads"]} heads of {t["head_dim"]}, {t["n_kv_heads"]} of keys and values, interleaved M-RoPE over {t["rotary_dim"]}'],
        ['DeltaNet', f'{t["n_v_heads"]} heads of {t["v_head_dim"]}, convolution over {t["conv_kernel"]}'],
        ['vision tower', f'{v["n_layers"]} layers of width {v["d_model"]}, patches of {v["patch_size"]}, {v["merge_size"]} by {v["merge_size"]} patches to an image token'],
        ['vocabulary', f'{t["n_vocab"]} entries, byte-level BPE and Qwen\'s control tokens; the head is the embedding'],
        ['multi-token prediction', f'{t["n_mtp_layers"]} layer'],
    ]
    return table(['', ''], rows)


def tokens(found):
    v = found['config']['vision']
    cell, most = v['patch_size'] * v['merge_size'], v['max_pixels']
    side = int(most ** 0.5)
    rows = []
    for w, h in ((256, 64), (192, 192), (256, 256), (448, 320), (448, 448), (1024, 768), (2480, 3508)):
        # As smart_resize: sides rounded to whole cells, down when the picture is too large.
        a, b = max(1, round(w / cell)), max(1, round(h / cell))
        if a * b * cell ** 2 > most:
            scale = (most / (w * h)) ** 0.5
            a, b = max(1, int(w * scale // cell)), max(1, int(h * scale // cell))
        rows.append([f'{w} x {h}', f'{a * cell} x {b * cell}', str(a * b)])
    return (f'An image token covers {cell} x {cell} pixels. Larger pictures are scaled down to {most:,} pixels ({side} x {side}), {most // cell ** 2} image tokens at most.\n\n' +
            table(['picture', 'is seen as', 'image tokens'], rows))


def ahead(found):
    a = found.get('ahead')
    if not a:
        return 'Not measured for this model.'
    rows = [[name, str(x['tokens']), f'{percent(x["main"])} %', f'{percent(x["ahead"])} %'] for name, x in a['sets'].items()]
    whole = a['all']
    rows.append(['**all**', str(whole['tokens']), f'{percent(whole["main"])} %', f'**{percent(whole["ahead"])} %**'])
    return (f'{a["items"]} pictures of each set, {percent(whole["ahead"])} % of {whole["tokens"]} tokens ({percent(whole["low"])} to {percent(whole["high"])}, items resampled); '
            f'wanted: 60 %, {"reached" if whole["ahead"] >= 0.6 else "not reached"}.\n\n' +
            table(['set', 'tokens', 'next token right', 'next but one right'], rows))


def index(found):
    """The figures as hubs read them."""
    lines = ['model-index:', '- name: galago-demo', '  results:']
    for name, figure in shipped(found)['sets'].items():
        lines += ['  - task:', '      type: image-text-to-text', '    dataset:', f'      name: held-out pictures, {figures.SETS[name][0]}', f'      type: galago-held-out-{name}',
                  '    metrics:', f'    - type: {"cer" if figure["metric"] == "cer" else "anls" if figure["metric"] == "anls" else "accuracy"}',
                  f'      value: {round(figure["score"], 4)}']
    return '\n'.join(lines)


def short(found):
    rows = [[figures.SETS[name][0], figures.METRICS[f['metric']], value(f, f['score']), span(f), wanted(name, f)] for name, f in shipped(found)['sets'].items()]
    return table(['', 'metric', 'figure', '95 % interval', 'wanted'], rows)


def plain(found):
    """For the screen."""
    return '\n'.join([results(found), '', summary(found)])


def rewritten(text, found, path):
    def part(match):
        name = match[2]
        if name not in PARTS:
            sys.exit(f'{path}: no figures named {name}; there are {", ".join(PARTS)}')
        return f'{match[1]}{PARTS[name](found)}\n{match[3]}'
    return re.sub(r'(?ms)^([^\n]*figures: (\w+)[^\n]*\n).*?^([^\n]*figures end[^\n]*)$', part, text)


PARTS = {f.__name__: f for f in (results, summary, tasks, formats, by_set, model, tokens, ahead, index, short)}


def update(check=False):
    """True when every file is as it should be (after writing it, unless `check`)."""
    found, same = figures.load(), True
    pair = [os.path.join(measure.ROOT, 'models', 'demo', name) for name in ('demo.gguf', 'mmproj-demo.gguf')]
    if found['digest'] != measure.digest(*pair):
        print('models/demo/figures.json tells of other files than models/demo/demo.gguf and mmproj-demo.gguf; run tools/demo/report')
        return False
    for path in FILES:
        with open(path, encoding='utf-8') as f:
            text = f.read()
        new = rewritten(text, found, path)
        if new == text:
            continue
        same = False
        if check:
            print(f'{os.path.relpath(path, measure.ROOT)}: its figures are not those of models/demo/figures.json; run tools/demo/tables.py')
        else:
            with open(path, 'w', encoding='utf-8') as f:
                f.write(new)
            print(f'{os.path.relpath(path, measure.ROOT)}: figures written')
    return same or not check


if __name__ == '__main__':
    sys.exit(0 if update('--check' in sys.argv[1:]) else 1)
