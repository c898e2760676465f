"""Pictures as the model takes them, greedy answers, and scores on pictures of the held-out split."""
import os
import sys

import torch
import torch.distributed as dist
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import data  # noqa: E402
from batches import make_batch  # noqa: E402

# What is measured at the end: task, height, width.
SIZES = ((data.READING, 64, 256), (data.READING, 64, 512), (data.READING, 128, 384),
         (data.SHAPES, 192, 192), (data.SHAPES, 192, 256), (data.SHAPES, 256, 256))


def normalised(pictures, device):
    """u8 [B, H, W, 3] to [B, 3, H, W] in -1..1."""
    return (pictures.to(device, non_blocking=True).permute(0, 3, 1, 2).float() / 127.5 - 1).contiguous()


def blurred(x):
    """3x3 binomial. x: [B, 3, H, W]"""
    row = torch.tensor([0.25, 0.5, 0.25], device=x.device)
    kernel = (row[:, None] * row).expand(3, 1, 3, 3).contiguous()
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode='replicate'), kernel, groups=3)


def damaged(pictures, damage, device):
    """Clean pictures u8 [B, H, W, 3] with the blur and noise that the generator named, in -1..1: [B, 3, H, W].

    damage: i64 [B, 3] (times blurred, noise, one noise for all channels), in the host's memory.
    """
    assert pictures.ndim == 4 and damage.shape == (len(pictures), 3), (pictures.shape, damage.shape)
    x = pictures.to(device, non_blocking=True).permute(0, 3, 1, 2).float().contiguous()
    for times in (1, 2):
        rows = (damage[:, 0] >= times).nonzero()[:, 0]
        if len(rows):
            rows = rows.to(device)
            x[rows] = blurred(x[rows])
    rows = (damage[:, 1] > 0).nonzero()[:, 0]
    if len(rows):
        size = damage[rows, 1].to(device).float().view(-1, 1, 1, 1)
        grey = damage[rows, 2].to(device).bool().view(-1, 1, 1, 1)
        rows = rows.to(device)
        y = x[rows]
        noise = torch.rand_like(y) + torch.rand_like(y) - 1
        noise = torch.where(grey, noise[:, :1], noise) * (2 * size)
        x[rows] = (y + noise).clamp(0, 255)
    return x.round() / 127.5 - 1


@torch.no_grad()
def answer(model, text, pictures, prompts, device, longest=100):
    """Greedy answers to pictures u8 [B, H, W, 3]; prompts of one length are decoded together, the whole text again for each token."""
    out = [None] * len(prompts)
    H, W = pictures.shape[1:3]
    groups = {}
    for i, p in enumerate(prompts):
        groups.setdefault(len(text.prompt(p, H * W // 1024)), []).append(i)
    autocast = lambda: torch.autocast(device.type, torch.bfloat16, enabled=device.type == 'cuda')
    for members in groups.values():
        with autocast():
            rows = model.model.visual(normalised(pictures[members], device))
        ids = torch.tensor([text.prompt(prompts[i], H * W // 1024) for i in members], device=device)
        start, done = ids.shape[1], torch.zeros(len(members), dtype=torch.bool, device=device)
        for _ in range(longest):
            with autocast():
                h = model.read_rows(ids, rows, H // 32, W // 32, len(text.head))[0]
                logits = model.logits(h[:, -1]).float()
            logits[:, text.size:] = -1e9
            step = torch.where(done, torch.full_like(done, text.end, dtype=torch.long), logits.argmax(-1))
            ids = torch.cat((ids, step[:, None]), 1)
            done |= step == text.end
            if done.all():
                break
        for i, row in zip(members, ids[:, start:].tolist()):
            row = row[:row.index(text.end)] if text.end in row else row
            out[i] = text.t.decode(row, skip_special_tokens=True)
    return out


def distance(a, b):
    """Edits from a to b."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(before + (x != y), row[j] + 1, row[j - 1] + 1)
    return row[-1]


def evaluate(model, text, args, device, n, rank=0, world=1, show=0):
    """Figures by task on held-out pictures: character error rate of readings, share of right answers of the rest.

    The sizes are shared out over the GPUs; every one gets all figures.
    """
    generator = data.Generator(data.library(args.library), args.assets, data.HELD_OUT)
    counts = {}
    model.eval()
    for k, (task, H, W) in enumerate(SIZES):
        if k % world != rank:
            continue
        batch, items = make_batch(generator, text, task, H, W, n, 777, k << 20)
        got = answer(model, text, batch.pictures, [i[1] for i in items], device)
        for g, (kind, _, want) in zip(got, items):
            points = distance(g, want) if kind == 'read' else int(g.strip().lower() == want.strip().lower())
            names = [f'read {H}x{W}', 'read all'] if kind == 'read' else [kind]
            if kind == 'read' and '\n' not in want:
                names.append('read one line')
            for name in names:
                before = counts.get(name, (0, 0))
                counts[name] = before[0] + points, before[1] + (len(want) if kind == 'read' else 1)
        for g, item in list(zip(got, items))[:show]:
            print('   ', item[1], '|', repr(item[2]), '|', repr(g), flush=True)
    model.train()
    every = [counts]
    if world > 1:
        every = [None] * world
        dist.all_gather_object(every, counts)
    total = {}
    for part in every:
        for name, (a, b) in part.items():
            before = total.get(name, (0, 0))
            total[name] = before[0] + a, before[1] + b
    return {name: a / b for name, (a, b) in total.items()}


def held_out_readings(text, args, device, n):
    """A function that tells the share of letters that the model, given the ones before, finds in held-out lines of 64x256."""
    generator = data.Generator(data.library(args.library), args.assets, data.HELD_OUT)
    batch, _ = make_batch(generator, text, data.READING, 64, 256, n, 778, 0)
    x = normalised(batch.pictures, device)
    ids, at, want = (t.to(device) for t in (batch.ids, batch.at, batch.want))

    @torch.no_grad()
    def share(model):
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == 'cuda'):
            h = model(ids, x, len(text.head))[0]
            logits = model.logits(h.reshape(-1, h.shape[-1])[at])
        return (logits.argmax(-1) == want).float().mean().item()
    return share
