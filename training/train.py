#!/usr/bin/env python3
"""Trains the demo model. One command, one or more GPUs of one host:

    python3 training/train.py --assets ASSETS --tokenizer tokenizer.json --out RUN --seconds 900
    torchrun --nproc-per-node 2 training/train.py ...

Pictures are drawn while it trains; none is seen twice. The learning rate and the course (first single large letters, then longer
and smaller text, documents, charts) follow the clock; the course goes at a third of its pace while what it shows is not read. RUN gets
log.csv and, renewed every minute, export/ (a Hugging Face folder), head.pt (the head that is thrown away) and state.json (where it
stands); at the end figures.json. --resume goes on from such a folder: with one --plan for all, a sequence of short runs is one training.
--start begins anew with the weights of an export; layers that it lacks begin as the identity.
"""
import argparse
import collections
import csv
import json
import math
import multiprocessing
import os
import shutil
import sys
import time

import torch
import torch.distributed as dist

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import data  # noqa: E402
from batches import Series, Text  # noqa: E402
from evaluate import TEXTS, damaged, evaluate, held_out_readings  # noqa: E402
from folder import export, start_from  # noqa: E402
from guard import Guard  # noqa: E402
from losses import MarksHead, answer_loss, marks_loss  # noqa: E402
from model import Config, Model, compiled  # noqa: E402
from muon import Muon  # noqa: E402
from steps import Steps  # noqa: E402

KINDS = tuple(data.FAMILIES)  # in the order of what step_losses tells
STATS = tuple(f'{kind}_{what}' for kind in KINDS for what in ('loss', 'right', 'found', 'batches')) + ('next', 'next_right', 'next_batches', 'progress')


def rate(progress, warm=0.02):
    """Share of the peak learning rate at a share of the time."""
    if progress < warm:
        return max(0.01, progress / warm)
    return min(1.0, max(0.01, (1 - progress) / 0.45))


class Course:
    """How hard readings are, 0 to 1: up a full turn in a fifth of the time while they are read, slowly when they are not."""

    def __init__(self, level, right=0.0, progress=0.0):
        self.shared, self.right, self.before = level, right, progress

    def told(self, progress, stats):
        if stats['read_batches']:
            self.right += 0.03 * (stats['read_right'] / stats['read_batches'] - self.right)
        step = max(0.0, progress - self.before)
        self.before = progress
        level = self.shared.value + step / (0.2 if self.right > 0.6 else 0.6)
        self.shared.value = min(1.0, level)


def sizes(text):
    return {name: int(value) for name, value in (part.split('=') for part in text.split(','))}


def parse():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('--assets', required=True)
    a.add_argument('--tokenizer', required=True)
    a.add_argument('--out', required=True)
    a.add_argument('--seconds', type=float, default=900, help='of training, from the start of this program')
    a.add_argument('--lr', type=float, default=1.2e-3)
    a.add_argument('--threads', type=int, default=(os.cpu_count() or 2), help='processes that draw')
    a.add_argument('--library', help='libpictures.so, when it was built elsewhere')
    a.add_argument('--start', help='exported folder to begin with')
    a.add_argument('--head', help='head.pt to begin with')
    a.add_argument('--resume', help='folder that an earlier run of the sequence left: export/, head.pt, state.json, log.csv')
    a.add_argument('--plan', type=float, help='seconds of the whole sequence of runs, which rate and course follow; default: --seconds')
    a.add_argument('--level', type=float, default=0.03, help='of the course at the beginning')
    a.add_argument('--tower', type=float, default=0, help='share of the plan, at its beginning, in which the tower learns alone')
    a.add_argument('--recordings', type=int, default=400, help='of steps as CUDA graphs, one for each shape of batch; 0: none')
    a.add_argument('--profile', type=int, default=0, help='from this step on, write to profile.txt what takes the time of ten')
    a.add_argument('--no-compile', action='store_true', help='do not compile the layers, for short tests')
    a.add_argument('--reading', type=float, help='draw only lines and shapes, this share of them lines; default: all families')
    a.add_argument('--layers', type=int, default=6, help='of the decoder')
    a.add_argument('--interval', type=int, default=2, help='every such layer is full attention')
    a.add_argument('--vision-layers', type=int, default=6)
    a.add_argument('--sizes', type=sizes, default={}, help='others of model.Config, as in d_model=320,d_ff=960,v_dim=320')
    a.add_argument('--tokens', type=int, default=65536, help='size of a batch')
    a.add_argument('--eval', type=int, default=256, help='held-out pictures for each size at the end')
    a.add_argument('--figures', action='store_true', help='score held-out pictures also at the end of a run that is not the last')
    a.add_argument('--seed', type=int, default=1)
    a.add_argument('--steps', type=int, default=0, help='end after so many (0: by the clock), for tests')
    return a.parse_args()


def step_losses(model, head, batch, first, dense, alone):
    """One batch forward; `alone`: the tower's loss only.  ->  loss, and the row of STATS (all but progress)"""
    rows = model.model.visual(batch.pictures)
    marked, found = marks_loss(head, rows, batch.marks, batch.task)
    if alone:
        loss, main, right = marked, marked, found
    else:
        h, e, cos, sin = model.read_rows(batch.ids, rows, batch.height // 32, batch.width // 32, first)
        main, right, ahead, ahead_right = answer_loss(model, h, e, cos, sin, batch)
        loss = main + dense * marked + 0.1 * ahead
    one, zero = torch.ones_like(right), torch.zeros_like(right)
    row = []
    for task in data.FAMILIES.values():
        row += [main.detach(), right, found, one] if task == batch.task else [zero] * 4
    row += [zero] * 3 if alone else [ahead.detach(), ahead_right, one]
    return loss, torch.stack([x.float() for x in row])


class Log:
    """A line on the screen and in log.csv every ten seconds; seconds and pictures count the whole sequence of runs."""

    def __init__(self, path, before=0.0):
        self.file = open(path, 'a', newline='', buffering=1)  # a line at a time: a killed run keeps it
        self.csv = csv.writer(self.file)
        if not self.file.tell():
            self.csv.writerow(['seconds', 'step', 'pictures', 'level', 'lr', *(f'{kind}_{what}' for kind in KINDS for what in ('loss', 'right', 'found')),
                               'next_loss', 'next_right', 'norm', 'skipped', 'held_out_right'])
        self.told = time.time()
        self.begin = self.told - before
        self.fresh()

    def fresh(self):
        self.sums, self.norm, self.pictures, self.waited = collections.Counter(), 0.0, 0, 0.0

    def due(self, every=10):
        return time.time() - self.told > every

    def write(self, step, total, level, lr, skipped, held_out):
        s, now = self.sums, time.time()
        share = lambda a, b: s[a] / s[b] if s[b] else float('nan')
        row = [share(f'{kind}_{what}', f'{kind}_batches') for kind in KINDS for what in ('loss', 'right', 'found')] + [share('next', 'next_batches'), share('next_right', 'next_batches')]
        span = max(now - self.told, 1e-9)
        print(f'{now - self.begin:5.0f} s  step {step}  {total / 1e6:.2f} M, {self.pictures / span:.0f}/s, waited {100 * self.waited / span:.0f} %  level {level:.2f}  '
              + '  '.join(f'{kind} {row[3 * i]:.2f} {100 * row[3 * i + 1]:.0f}|{100 * row[3 * i + 2]:.0f} %' for i, kind in enumerate(KINDS))
              + f'  next {row[-2]:.2f} {100 * row[-1]:.0f} %  norm {self.norm:.2f}  skipped {skipped}  held out {100 * held_out:.1f} %', flush=True)
        self.csv.writerow([round(now - self.begin, 1), step, total, round(level, 3), f'{lr:.2e}', *[round(x, 4) for x in row], round(self.norm, 3), skipped, round(held_out, 4)])
        self.told = now
        self.fresh()


def earlier(args):
    """What an earlier run of the sequence left (state.json), or the beginning of one."""
    state = {'runs': 0, 'seconds': 0.0, 'progress': 0.0, 'steps': 0, 'pictures': 0, 'level': args.level, 'right': 0.0, 'calm': 1.0}
    if args.resume:
        with open(os.path.join(args.resume, 'state.json')) as f:
            state.update(json.load(f))
        args.start, args.head = os.path.join(args.resume, 'export'), os.path.join(args.resume, 'head.pt')
    args.run = state['runs']
    return state


def checkpoint(args, model, head, config, state):
    """export/, head.pt and state.json, each replaced whole. The optimiser's state is left out: with betas of 0.9 and 0.95 it remembers
    some twenty steps and would take four times the bytes of the weights."""
    target = os.path.join(args.out, 'export')
    part, old = target + '.part', target + '.old'
    shutil.rmtree(part, ignore_errors=True)
    export(model, config, args.tokenizer, part)
    if os.path.exists(target):
        os.rename(target, old)
    os.rename(part, target)
    shutil.rmtree(old, ignore_errors=True)
    for name, write in (('head.pt', lambda path: torch.save({k: v.to(torch.bfloat16).cpu() for k, v in head.state_dict().items()}, path)),
                        ('state.json', lambda path: write_json(path, state))):
        write(os.path.join(args.out, name + '.part'))
        os.replace(os.path.join(args.out, name + '.part'), os.path.join(args.out, name))


def write_json(path, value):
    with open(path, 'w') as f:
        json.dump(value, f, indent=1)


def profiled(profiler, path):
    """Begins a profile, or ends `profiler` and writes it to `path`."""
    if not profiler:
        profiler = torch.profiler.profile()
        profiler.start()
        return profiler
    profiler.stop()
    with open(path, 'w') as f:
        f.write(profiler.key_averages().table(sort_by='cuda_time_total', row_limit=100, max_name_column_width=100))
    return None


def main():
    args = parse()
    begin = time.time()
    before = earlier(args)
    plan = args.plan or before['seconds'] + args.seconds
    world, rank = int(os.environ.get('WORLD_SIZE', 1)), int(os.environ.get('RANK', 0))
    device = torch.device('cuda', rank) if torch.cuda.is_available() else torch.device('cpu')
    level, alone = multiprocessing.Value('d', before['level']), multiprocessing.Value('b', before['progress'] < args.tower)
    torch.manual_seed(args.seed * 1024 + args.run)
    # What is not bf16 is f32 on purpose (the delta rule's state and its triangular system).
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    os.makedirs(args.out, exist_ok=True)
    if args.resume and rank == 0 and os.path.exists(os.path.join(args.resume, 'log.csv')) and not os.path.exists(os.path.join(args.out, 'log.csv')):
        shutil.copy(os.path.join(args.resume, 'log.csv'), args.out)
    data.library(args.library)
    loader = iter(torch.utils.data.DataLoader(Series(args, rank, level, alone, args.reading), batch_size=None, prefetch_factor=2,
                                              num_workers=max(1, args.threads // world), pin_memory=device.type == 'cuda'))
    if device.type == 'cuda':
        torch.cuda.set_device(rank)
        torch.cuda.set_stream(torch.cuda.Stream(device))  # the default one cannot be recorded (steps.py)
    if world > 1:
        dist.init_process_group('nccl')
    text = Text(args.tokenizer)
    config = text.config(n_layers=args.layers, v_depth=args.vision_layers, full_interval=args.interval, **args.sizes)
    if args.resume:  # the sizes are those of the earlier run
        with open(os.path.join(args.resume, 'export', 'config.json')) as f:
            config = Config.of(json.load(f))
    model, head = Model(config), MarksHead(config.d_model)
    if args.start:
        start_from(model, args.start)
    if args.head:
        head.load_state_dict(torch.load(args.head, map_location='cpu'))
    model, head = model.to(device), head.to(device)
    if device.type == 'cuda' and not args.no_compile:
        compiled()
    optimizer = Muon((model, head), args.lr)
    guard = Guard(optimizer, len(STATS), len(KINDS), world, device)
    guard.calm = before['calm']
    first = len(text.head)
    checked = held_out_readings(text, args, device, args.eval) if rank == 0 else None
    log = Log(os.path.join(args.out, 'log.csv') if rank == 0 else os.devnull, before['seconds'])
    course = Course(level, before['right'], before['progress'])
    if rank == 0:
        print(f'{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters, {world} GPU(s), {args.threads} drawing processes, torch {torch.__version__}, '
              f'run {args.run + 1}, {100 * before["progress"]:.0f} % of {plan:.0f} s done, {time.time() - begin:.0f} s', flush=True)
    step, pictures = before['steps'], before['pictures']
    spent, progress, held_out, saved_at, checked_at = 0.0, before['progress'], float('nan'), time.time(), time.time()

    def state():
        return {'runs': args.run + 1, 'seconds': before['seconds'] + spent * args.seconds, 'progress': progress, 'steps': step, 'pictures': pictures,
                'level': level.value, 'right': course.right, 'calm': guard.calm, 'plan': plan}

    def losses(batch, dense, alone):
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == 'cuda'):
            loss, told = step_losses(model, head, batch, first, dense, alone)
        loss.backward()
        return told

    steps, profiler = Steps(device, losses, args.tokens, args.recordings), None
    while spent < 1 and progress < 1:
        if args.profile and rank == 0 and step in (args.profile, args.profile + 10):
            profiler = profiled(profiler, os.path.join(args.out, 'profile.txt'))
        t = time.time()
        batch = next(loader)
        log.waited += time.time() - t
        batch = batch._replace(pictures=damaged(batch.pictures, batch.damage, device), damage=None)
        done = step - before['steps']
        # A run that goes on has no optimiser's state: some steps until it has one again.
        lr = args.lr * rate(progress) * guard.calm * (min(1, (done + 1) / 40) if args.resume else 1)
        optimizer.rate(lr)
        guard.clear()
        told = steps(batch, 1 - 0.7 * progress, bool(alone.value))
        step += 1
        guard.step(told, (done + 1) / args.steps if args.steps else (time.time() - begin) / args.seconds)
        pictures += len(batch.ids) * world
        log.pictures += len(batch.ids) * world
        for norm, values in guard.finished():  # of earlier steps, the same on every GPU
            stats = dict(zip(STATS, values))
            spent = max(spent, stats['progress'] / world)
            progress = before['progress'] + spent * (min(1, args.seconds / plan) if args.plan else 1 - before['progress'])
            if alone.value and progress >= args.tower:
                alone.value = 0
                guard.anew()
            if alone.value:
                course.before = progress
            else:
                course.told(progress, stats)
            log.norm = norm
            if math.isfinite(sum(values)):
                log.sums.update(stats)
        if rank == 0:
            if time.time() - checked_at > 20:
                held_out, checked_at = checked(model), time.time()
            if log.due():
                log.write(step, pictures, level.value, lr, guard.skipped, held_out)
            if time.time() - saved_at > 60:
                saved_at = time.time()
                checkpoint(args, model, head, config, state())
    del loader
    if rank == 0:
        log.write(step, pictures, level.value, lr, guard.skipped, checked(model))
        checkpoint(args, model, head, config, state())
    figures = evaluate(model, text, args, device, args.eval, rank, world, show=4, until=time.time() + 45) if args.eval and (progress > 0.98 or args.figures) else {}
    if rank == 0:
        write_json(os.path.join(args.out, 'figures.json'), {**state(), 'held_out': figures})
        for key, value in sorted(figures.items()):
            print(f'{key:16} {"character error rate" if key.split()[0] in TEXTS else "right"} {100 * value:.2f} %', flush=True)
        if device.type == 'cuda':
            print(f'memory {torch.cuda.max_memory_allocated() / 1e9:.1f} GB')
        print(f'done after {time.time() - begin:.0f} s', flush=True)
    if world > 1:
        dist.barrier()
        dist.destroy_process_group()


if __name__ == '__main__':
    main()
