#!/usr/bin/env python3
"""Trains the demo model. One command, one or more GPUs of one host:

    python3 training/train.py --assets ASSETS --tokenizer tokenizer.json --out RUN --seconds 900
    torchrun --nproc-per-node 2 training/train.py ...

Pictures are drawn while it trains; none is seen twice. The learning rate and the course (first single large letters, then longer
and smaller text) follow the clock; the course goes at a third of its pace while what it shows is not read. RUN gets log.csv, export/
(a Hugging Face folder, renewed every minute) and at the end head.pt (the head that is thrown away; --head takes it up again) and
figures.json. --start begins with the weights of such a folder; layers that it lacks begin as the identity.
"""
import argparse
import collections
import csv
import json
import math
import multiprocessing
import os
import sys
import time

import torch
import torch.distributed as dist

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import data  # noqa: E402
from batches import Series, Text  # noqa: E402
from evaluate import damaged, evaluate, held_out_readings  # noqa: E402
from folder import export, start_from  # noqa: E402
from guard import Guard  # noqa: E402
from losses import MarksHead, answer_loss, marks_loss  # noqa: E402
from model import Model  # noqa: E402

STATS = ('read', 'read_right', 'found', 'readings', 'shapes', 'shapes_right', 'objects', 'shape_batches', 'next', 'next_batches', 'progress')


def rate(progress, warm=0.02):
    """Share of the peak learning rate at a share of the time."""
    if progress < warm:
        return max(0.01, progress / warm)
    return min(1.0, max(0.01, (1 - progress) / 0.45))


class Course:
    """How hard readings are, 0 to 1: up a full turn in a fifth of the time while they are read, slowly when they are not."""

    def __init__(self, level):
        self.shared, self.right, self.before = level, 0.0, 0.0

    def told(self, progress, stats):
        if stats['readings']:
            self.right += 0.03 * (stats['read_right'] / stats['readings'] - self.right)
        step = max(0.0, progress - self.before)
        self.before = progress
        level = self.shared.value + step / (0.2 if self.right > 0.6 else 0.6)
        self.shared.value = min(1.0, level)


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
    a.add_argument('--level', type=float, default=0.03, help='of the course at the beginning')
    a.add_argument('--reading', type=float, default=0.62, help='share of the batches that are readings')
    a.add_argument('--layers', type=int, default=6, help='of the decoder')
    a.add_argument('--interval', type=int, default=2, help='every such layer is full attention')
    a.add_argument('--vision-layers', type=int, default=6)
    a.add_argument('--tokens', type=int, default=65536, help='size of a batch')
    a.add_argument('--eval', type=int, default=256, help='held-out pictures for each size at the end')
    a.add_argument('--seed', type=int, default=1)
    return a.parse_args()


def optimizer_of(modules, lr, device):
    params = [p for m in modules for p in m.parameters()]
    decay, rest = [p for p in params if p.ndim >= 2], [p for p in params if p.ndim < 2]
    fused = {'fused': True} if device.type == 'cuda' else {}
    return params, torch.optim.AdamW([{'params': decay, 'weight_decay': 0.05}, {'params': rest, 'weight_decay': 0}], lr=lr, betas=(0.9, 0.95), **fused)


def step_losses(model, head, batch, first, with_next, dense):
    """One batch forward.  ->  loss, and the row of STATS (all but progress)"""
    reading = batch.task == data.READING
    rows = model.model.visual(batch.pictures)
    h, e, cos, sin = model.read_rows(batch.ids, rows, batch.height // 32, batch.width // 32, first)
    main, right, ahead = answer_loss(model, h, e, cos, sin, batch, with_next)
    marked, found = marks_loss(head, rows, batch.marks, reading)
    loss = main + dense * marked + (0.3 * ahead if with_next else 0)
    one, zero = torch.ones_like(right), torch.zeros_like(right)
    told = [main.detach(), right, found, one]
    row = (told + [zero] * 4 if reading else [zero] * 4 + told) + ([ahead.detach(), one] if with_next else [zero, zero])
    return loss, torch.stack([x.float() for x in row])


def on_device(batch, device):
    move = lambda x: x.to(device, non_blocking=True) if torch.is_tensor(x) else x
    x = damaged(batch.pictures, batch.damage, device)  # the damage is read on the host
    return type(batch)(*map(move, batch._replace(pictures=x)))


class Log:
    """A line on the screen and in log.csv every ten seconds."""

    def __init__(self, path):
        self.file = open(path, 'a', newline='', buffering=1)  # a line at a time: a killed run keeps it
        self.csv = csv.writer(self.file)
        if not self.file.tell():
            self.csv.writerow(['seconds', 'step', 'pictures', 'level', 'lr', 'read_loss', 'read_right', 'letters_found', 'shape_loss',
                               'shape_right', 'objects_found', 'next_loss', 'norm', 'skipped', 'held_out_right'])
        self.begin = self.told = time.time()
        self.fresh()

    def fresh(self):
        self.sums, self.norm, self.pictures, self.waited = collections.Counter(), 0.0, 0, 0.0

    def due(self):
        return time.time() - self.told > 10

    def write(self, step, total, level, lr, skipped, held_out):
        s, now = self.sums, time.time()
        share = lambda a, b: s[a] / s[b] if s[b] else float('nan')
        row = [share('read', 'readings'), share('read_right', 'readings'), share('found', 'readings'), share('shapes', 'shape_batches'),
               share('shapes_right', 'shape_batches'), share('objects', 'shape_batches'), share('next', 'next_batches')]
        span = now - self.told
        print(f'{now - self.begin:5.0f} s  step {step}  {total / 1e6:.2f} M, {self.pictures / span:.0f}/s, waited {100 * self.waited / span:.0f} %  '
              f'level {level:.2f}  read {row[0]:.3f} {100 * row[1]:.1f} % letters {100 * row[2]:.1f} %  shapes {row[3]:.3f} {100 * row[4]:.1f} % '
              f'objects {100 * row[5]:.1f} %  next {row[6]:.2f}  norm {self.norm:.2f}  skipped {skipped}  held out {100 * held_out:.1f} %', flush=True)
        self.csv.writerow([round(now - self.begin, 1), step, total, round(level, 3), f'{lr:.2e}', *[round(x, 4) for x in row], round(self.norm, 3), skipped, round(held_out, 4)])
        self.told = now
        self.fresh()


def main():
    args = parse()
    begin = time.time()
    world, rank = int(os.environ.get('WORLD_SIZE', 1)), int(os.environ.get('RANK', 0))
    device = torch.device('cuda', rank) if torch.cuda.is_available() else torch.device('cpu')
    level = multiprocessing.Value('d', args.level)
    torch.manual_seed(args.seed)
    # What is not bf16 is f32 on purpose (the delta rule's state and its triangular system).
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    os.makedirs(args.out, exist_ok=True)
    loader = iter(torch.utils.data.DataLoader(Series(args, rank, level, args.reading), batch_size=None, prefetch_factor=3,
                                              num_workers=max(1, args.threads // world), pin_memory=device.type == 'cuda'))
    if world > 1:
        torch.cuda.set_device(rank)
        dist.init_process_group('nccl')
    text = Text(args.tokenizer)
    config = text.config(n_layers=args.layers, v_depth=args.vision_layers, full_interval=args.interval)
    model, head = Model(config), MarksHead(config.d_model)
    if args.start:
        start_from(model, args.start)
    if args.head:
        head.load_state_dict(torch.load(args.head, map_location='cpu'))
    model, head = model.to(device), head.to(device)
    params, optimizer = optimizer_of((model, head), args.lr, device)
    guard = Guard(params, optimizer, len(STATS), world, device)
    first = len(text.head)
    checked = held_out_readings(text, args, device, args.eval) if rank == 0 else None
    log, course = Log(os.path.join(args.out, 'log.csv') if rank == 0 else os.devnull), Course(level)
    if rank == 0:
        print(f'{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters, {world} GPU(s), {args.threads} drawing processes, torch {torch.__version__}, '
              f'{time.time() - begin:.0f} s', flush=True)
    step = pictures = 0
    progress, held_out, saved_at, checked_at = 0.0, float('nan'), time.time(), time.time()
    while progress < 1:
        t = time.time()
        batch = on_device(next(loader), device)
        log.waited += time.time() - t
        lr = args.lr * rate(progress) * guard.calm
        for g in optimizer.param_groups:
            g['lr'] = lr
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == 'cuda'):
            loss, told = step_losses(model, head, batch, first, step % 3 == 0, 1 - 0.7 * progress)
        guard.clear()
        loss.backward()
        guard.step(told, (time.time() - begin) / args.seconds)
        step += 1
        pictures += len(batch.ids) * world
        log.pictures += len(batch.ids) * world
        for norm, values in guard.finished():  # of earlier steps, the same on every GPU
            stats = dict(zip(STATS, values))
            progress = max(progress, stats['progress'] / world)
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
                export(model, config, args.tokenizer, os.path.join(args.out, 'export'))
    del loader
    if rank == 0:
        log.write(step, pictures, level.value, lr, guard.skipped, checked(model))
        export(model, config, args.tokenizer, os.path.join(args.out, 'export'))
        torch.save({k: v.to(torch.bfloat16).cpu() for k, v in head.state_dict().items()}, os.path.join(args.out, 'head.pt'))
    figures = evaluate(model, text, args, device, args.eval, rank, world, show=8)
    if rank == 0:
        with open(os.path.join(args.out, 'figures.json'), 'w') as f:
            json.dump({'seconds': time.time() - begin, 'steps': step, 'pictures': pictures, 'held_out': figures}, f, indent=1)
        for key, value in sorted(figures.items()):
            print(f'{key:16} {"character error rate" if key.startswith("read") else "right"} {100 * value:.2f} %', flush=True)
        if device.type == 'cuda':
            print(f'memory {torch.cuda.max_memory_allocated() / 1e9:.1f} GB')
        print(f'done after {time.time() - begin:.0f} s', flush=True)
    if world > 1:
        dist.barrier()
        dist.destroy_process_group()


if __name__ == '__main__':
    main()
