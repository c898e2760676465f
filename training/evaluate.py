"""Pictures as the model takes them, greedy answers, and scores on pictures of the held-out split."""
import math
import os
import sys
import time

import torch
import torch.distributed as dist
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import data  # noqa: E402
from batches import LONG, longest_answer, make_batch  # noqa: E402
from model import eager  # noqa: E402

# The tables of JPEG's standard, annex K: light, colour.
LIGHT = [16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
         18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99]
TINT = [17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99] + [99] * 32

# What is measured at the end: task, height, width. Whole texts take long to write: a quarter of the pictures.
SIZES = ((data.READING, 64, 256), (data.READING, 64, 512), (data.READING, 128, 384),
         (data.SHAPES, 192, 192), (data.SHAPES, 256, 256),
         (data.SCENES, 192, 192), (data.SCENES, 256, 256), (data.CHARTS, 256, 320), (data.CHARTS, 320, 448),
         (data.DOCUMENTS, 448, 448), (data.DOCUMENTS, 448, 320), (data.DOCUMENTS, 192, 320),
         (data.PARAGRAPHS, 448, 448), (data.PARAGRAPHS, 192, 320), (data.PAGES, 448, 320))
TEXTS = ('read', 'paragraph', 'page', 'code')  # tasks whose figure is a character error rate


def normalised(pictures, device):
    """u8 [B, H, W, 3] to [B, 3, H, W] in -1..1."""
    return (pictures.to(device, non_blocking=True).permute(0, 3, 1, 2).float() / 127.5 - 1).contiguous()


def blurred(x):
    """3x3 binomial. x: [B, 3, H, W]"""
    row = torch.tensor([0.25, 0.5, 0.25], device=x.device)
    kernel = (row[:, None] * row).expand(3, 1, 3, 3).contiguous()
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode='replicate'), kernel, groups=3)


def cosines(device):
    """The 8x8 discrete cosine transform as a matrix."""
    n = torch.arange(8, device=device, dtype=torch.float32)
    m = torch.cos((2 * n[None] + 1) * n[:, None] * math.pi / 16) / 2
    m[0] /= math.sqrt(2)
    return m


def quantised(x, table):
    """What JPEG leaves of planes. x: [B, H, W] around 0  table: [B, 8, 8]"""
    B, H, W = x.shape
    d = cosines(x.device)
    blocks = x.view(B, H // 8, 8, W // 8, 8).transpose(2, 3)
    step = table[:, None, None]
    kept = (d @ blocks @ d.T / step).round() * step
    return (d.T @ kept @ d).transpose(2, 3).reshape(B, H, W)


def compressed(x, quality):
    """As after JPEG with halved colours. x: [B, 3, H, W] 0..255, sides multiples of 16  quality: [B] 1 to 100"""
    scale = torch.where(quality < 50, 5000 / quality.float(), 200 - 2 * quality.float()).view(-1, 1, 1)
    light, tint = (((torch.tensor(t, device=x.device).view(1, 8, 8) * scale + 50) / 100).floor().clamp(1, 255) for t in (LIGHT, TINT))
    r, g, b = x.unbind(1)
    y = 0.299 * r + 0.587 * g + 0.114 * b
    small = lambda c: F.avg_pool2d(c[:, None], 2)[:, 0]
    large = lambda c: F.interpolate(c[:, None], scale_factor=2, mode='bilinear', align_corners=False)[:, 0]
    blue, red = (large(quantised(small(c), tint)) for c in (0.564 * (b - y), 0.713 * (r - y)))
    y = quantised(y - 128, light) + 128
    return torch.stack((y + 1.402 * red, y - 0.344 * blue - 0.714 * red, y + 1.772 * blue), 1).clamp(0, 255)


def damaged(pictures, damage, device):
    """Clean pictures u8 [B, H, W, 3] with the blur, noise and compression that the generator named, in -1..1: [B, 3, H, W].

    damage: i64 [B, 4] (times blurred, noise, one noise for all channels, JPEG quality), in the host's memory.
    """
    assert pictures.ndim == 4 and damage.shape == (len(pictures), 4), (pictures.shape, damage.shape)
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
    rows = (damage[:, 3] > 0).nonzero()[:, 0]
    if len(rows):
        quality = damage[rows, 3].to(device)
        rows = rows.to(device)
        x[rows] = compressed(x[rows], quality)
    return x.round() / 127.5 - 1


@torch.no_grad()
def answer(model, text, pictures, prompts, device, longest=100):
    """Greedy answers to pictures [B, 3, H, W] in -1..1; prompts of one length are decoded together, the whole text again for each token."""
    out = [None] * len(prompts)
    H, W = pictures.shape[2:]
    groups = {}
    for i, p in enumerate(prompts):
        groups.setdefault(len(text.prompt(p, H * W // 1024)), []).append(i)
    autocast = lambda: torch.autocast(device.type, torch.bfloat16, enabled=device.type == 'cuda')
    for members in groups.values():
        with autocast():
            rows = model.model.visual(pictures[members])
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


def evaluate(model, text, args, device, n, rank=0, world=1, show=0, until=math.inf):
    """Figures by task on held-out pictures: character error rate of texts, share of right answers of the rest.

    The sizes are shared out over the GPUs; every one gets all figures. Sizes that are not begun by `until` are left out.
    """
    generator = data.Generator(data.library(args.library), args.assets, data.HELD_OUT)
    generator.options(1.0, True)
    counts = {}
    model.eval()
    for k, (task, H, W) in enumerate(SIZES):
        if k % world != rank or time.time() > until:
            continue
        batch, items = make_batch(generator, text, task, H, W, max(1, n // 4) if task in LONG else n, 777, k << 20)
        pictures = damaged(batch.pictures, batch.damage, device)
        with eager():
            got = answer(model, text, pictures, [i[1] for i in items], device, longest_answer(task))
        for g, (kind, _, want) in zip(got, items):
            points = distance(g, want) if kind in TEXTS else int(g.strip().lower() == want.strip().lower())
            names = [f'read {H}x{W}', 'read all'] if kind == 'read' else [kind]
            if kind == 'read' and '\n' not in want:
                names.append('read one line')
            for name in names:
                before = counts.get(name, (0, 0))
                counts[name] = before[0] + points, before[1] + (len(want) if kind in TEXTS else 1)
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
    batch, _ = make_batch(generator, text, data.READING, 64, 256, max(8, n), 778, 0)
    x = normalised(batch.pictures, device)
    n = int((batch.share > 0).sum())  # behind them it is filled up
    ids, at, want = (t.to(device) for t in (batch.ids, batch.at[:n], batch.want[:n]))

    @torch.no_grad()
    def share(model):
        with eager(), torch.autocast(device.type, torch.bfloat16, enabled=device.type == 'cuda'):
            h = model(ids, x, len(text.head))[0]
            logits = model.logits(h.reshape(-1, h.shape[-1])[at])
        return (logits.argmax(-1) == want).float().mean().item()
    return share
