#!/usr/bin/env python3
"""Trains the demo model. One command, one or more GPUs of one host:

    python3 training/train.py --assets ASSETS --tokenizer tokenizer.json --out RUN --minutes 15
    torchrun --nproc-per-node 2 training/train.py ...

Pictures are drawn while it trains; none is seen twice. RUN gets log.csv, checkpoint.pt (--resume goes on from it) and export/, a
Hugging Face folder. The learning rate follows the clock: it warms up, stays, and falls to zero when the minutes end.
"""
import argparse
import csv
import json
import math
import os
import sys
import time

import numpy as np
import torch
import torch.distributed as dist

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import data  # noqa: E402
from model import Config, Model, loss_of  # noqa: E402

# Courses: picture height and width, task, tokens of the whole text, share of the batches.
COURSES = {
    'all': [(64, 256, data.READING, 96, 0.26), (64, 512, data.READING, 136, 0.24), (128, 384, data.READING, 168, 0.14),
            (256, 256, data.SHAPES, 152, 0.26), (256, 256, data.READING, 208, 0.10)],
    'shapes': [(192, 192, data.SHAPES, 112, 0.8), (256, 256, data.SHAPES, 136, 0.1), (192, 256, data.SHAPES, 120, 0.1)],
}
BUCKETS = COURSES['all']  # main() chooses
TOKENS = 65536  # of a batch, pictures' patches counted a half


class Text:
    """Prompt and answer to ids, as the chat template renders them (thinking off)."""

    def __init__(self, path):
        from tokenizers import Tokenizer
        self.t = Tokenizer.from_file(path)
        self.id = self.t.token_to_id
        self.size = self.t.get_vocab_size()
        enc = lambda s: self.t.encode(s, add_special_tokens=False).ids
        self.enc = enc
        self.head = enc('<|im_start|>user\n<|vision_start|>')
        self.vision_end = self.id('<|vision_end|>')
        self.pad = self.id('<|image_pad|>')
        self.tail = enc('<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n')
        self.end = self.id('<|im_end|>')
        self.prompts = {}

    def prompt(self, text, n_image):
        key = (text, n_image)
        if key not in self.prompts:
            self.prompts[key] = self.head + [self.pad] * n_image + [self.vision_end] + self.enc(text) + self.tail
        return self.prompts[key]

    def config(self, **sizes):
        return Config(vocab=-(-self.size // 32) * 32, image_pad=self.pad, vision_start=self.id('<|vision_start|>'),
                      vision_end=self.vision_end, eos=self.id('<|endoftext|>'), **sizes)


def make_batch(generator, text, bucket, size, seed, index):
    """`size` pictures of a bucket: u8 [B, H, W, 3], ids [B, T], mask [B, T]; also the items."""
    H, W, task, T, _ = BUCKETS[bucket]
    pictures = np.zeros((size, H, W, 3), np.uint8)
    ids = np.full((size, T), text.end, np.int64)
    mask = np.zeros((size, T), bool)
    items, i = [], 0
    while i < size:
        item = generator.make(seed, index, task, pictures[i])
        index += 1
        p = text.prompt(item[1], H * W // 1024)
        a = text.enc(item[2]) + [text.end]
        if len(p) + len(a) > T:
            continue
        ids[i, :len(p)], ids[i, len(p):len(p) + len(a)] = p, a
        mask[i, len(p):len(p) + len(a)] = True
        items.append(item)
        i += 1
    return pictures, ids, mask, items


def batch_size(bucket):
    H, W, _, T, _ = BUCKETS[bucket]
    return max(32, TOKENS // (T + H * W // 256 // 2) // 32 * 32)


class Series(torch.utils.data.IterableDataset):
    """Batches drawn by the loader's processes: process w of W draws batches w, w + W, ..., so that their order never changes."""

    def __init__(self, args, rank, seed):
        self.args, self.rank, self.seed = args, rank, seed
        shares = np.array([b[4] for b in BUCKETS])
        # One schedule for all ranks, so that they work on the same bucket at the same time.
        self.schedule = np.random.default_rng(seed).choice(len(BUCKETS), 1 << 20, p=shares / shares.sum())

    def __iter__(self):
        info = torch.utils.data.get_worker_info()
        generator = data.Generator(data.library(self.args.library), self.args.assets, data.TRAIN)
        text = Text(self.args.tokenizer)
        for n in range(info.id, len(self.schedule), info.num_workers):
            b = int(self.schedule[n])
            pictures, ids, mask, _ = make_batch(generator, text, b, batch_size(b), self.seed * 64 + self.rank, n * 4096)
            yield b, torch.from_numpy(pictures), torch.from_numpy(ids), torch.from_numpy(mask)


def rate(progress, warm):
    """Share of the peak learning rate at a share of the time."""
    if progress < warm:
        return progress / warm
    if progress < 0.6:
        return 1.0
    return max(0.0, (1 - progress) / 0.4) * 0.99 + 0.01


def normalised(pictures, device):
    """u8 [B, H, W, 3] to [B, 3, H, W] in -1..1."""
    return (pictures.to(device, non_blocking=True).permute(0, 3, 1, 2).float() / 127.5 - 1).contiguous()


def export(model, config, tokenizer, folder):
    """A Hugging Face folder in the published names; parts below 15 MB."""
    from safetensors.torch import save_file
    os.makedirs(folder, exist_ok=True)
    state = {}
    for name, p in model.state_dict().items():
        keep = name.endswith(('A_log', 'linear_attn.norm.weight'))
        state[name] = p.detach().to(torch.float32 if keep else torch.bfloat16).contiguous().cpu()
    parts, size = [{}], 0
    for name in sorted(state):
        n = state[name].numel() * state[name].element_size()
        if size + n > 15_000_000:
            parts.append({})
            size = 0
        parts[-1][name] = state[name]
        size += n
    index = {}
    for i, part in enumerate(parts):
        file = f'model-{i + 1:05d}-of-{len(parts):05d}.safetensors'
        save_file(part, os.path.join(folder, file), metadata={'format': 'pt'})
        index.update({name: file for name in part})
    total = sum(t.numel() * t.element_size() for t in state.values())
    files = {
        'model.safetensors.index.json': {'metadata': {'total_size': total}, 'weight_map': index},
        'config.json': config.published(),
        'preprocessor_config.json': {
            'size': {'shortest_edge': 16384, 'longest_edge': 65536}, 'patch_size': 16, 'temporal_patch_size': 2, 'merge_size': 2,
            'image_mean': [0.5] * 3, 'image_std': [0.5] * 3, 'image_processor_type': 'Qwen2VLImageProcessorFast',
            'processor_class': 'Qwen3VLProcessor'},
    }
    for name, value in files.items():
        with open(os.path.join(folder, name), 'w') as f:
            json.dump(value, f, indent=1)
    with open(tokenizer) as f, open(os.path.join(folder, 'tokenizer.json'), 'w') as g:
        g.write(f.read())


@torch.no_grad()
def answer(model, text, pictures, prompts, n_image, device, longest=110):
    """Greedy answers to pictures of one size; prompts of one length are decoded together, the whole text again for each token."""
    out = [None] * len(prompts)
    groups = {}
    for i, p in enumerate(prompts):
        groups.setdefault(len(text.prompt(p, n_image)), []).append(i)
    for members in groups.values():
        x = normalised(torch.from_numpy(pictures[members]), device)
        ids = torch.tensor([text.prompt(prompts[i], n_image) for i in members], device=device)
        start, done = ids.shape[1], torch.zeros(len(members), dtype=torch.bool, device=device)
        for _ in range(longest):
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == 'cuda'):
                h = model(ids, x, len(text.head))[0]
                logits = model.logits(h[:, -1]).float()
            logits[:, text.size:] = -1e9
            step = torch.where(done, text.end, logits.argmax(-1))
            ids = torch.cat((ids, step[:, None]), 1)
            done |= step == text.end
            if done.all():
                break
        for i, row in zip(members, ids[:, start:].tolist()):
            row = row[:row.index(text.end)] if text.end in row else row
            out[i] = text.t.decode(row, skip_special_tokens=True)
    return out


def distance(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(before + (x != y), row[j] + 1, row[j - 1] + 1)
    return row[-1]


def evaluate(model, text, args, device, n=256, split=data.HELD_OUT, show=0):
    """Figures by bucket and task on pictures of the split: character error rate of readings, share of right answers of the rest."""
    generator = data.Generator(data.library(args.library), args.assets, split)
    right, total, figures = {}, {}, {}
    model.eval()
    for b, (H, W, task, _, _) in enumerate(BUCKETS):
        pictures, _, _, items = make_batch(generator, text, b, n, 777, b << 20)
        got = answer(model, text, pictures, [i[1] for i in items], H * W // 1024, device)
        for g, (kind, prompt, want) in zip(got, items):
            key = f'{kind} {H}x{W}' if kind == 'read' else kind
            points = distance(g, want) if kind == 'read' else int(g.strip().lower() == want.strip().lower())
            right[key] = right.get(key, 0) + points
            total[key] = total.get(key, 0) + (len(want) if kind == 'read' else 1)
        for g, item in list(zip(got, items))[:show]:
            print('   ', item[1], '|', repr(item[2]), '|', repr(g))
    model.train()
    for key in total:
        figures[key] = right[key] / total[key]
    return figures


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('--assets', required=True)
    a.add_argument('--tokenizer', required=True)
    a.add_argument('--out', required=True)
    a.add_argument('--minutes', type=float, default=15)
    a.add_argument('--lr', type=float, default=2e-3)
    a.add_argument('--threads', type=int, default=(os.cpu_count() or 2), help='processes that draw')
    a.add_argument('--library', help='libpictures.so, when it was built elsewhere')
    a.add_argument('--resume', action='store_true')
    a.add_argument('--layers', type=int, default=8, help='of the decoder; every fourth is full attention')
    a.add_argument('--vision-layers', type=int, default=8)
    a.add_argument('--course', choices=COURSES, default='all')
    a.add_argument('--tokens', type=int, default=65536, help='size of a batch')
    a.add_argument('--compile', action='store_true')
    a.add_argument('--seed', type=int, default=1)
    args = a.parse_args()
    global BUCKETS, TOKENS
    BUCKETS, TOKENS = COURSES[args.course], args.tokens
    world, rank = int(os.environ.get('WORLD_SIZE', 1)), int(os.environ.get('RANK', 0))
    device = torch.device('cuda', rank) if torch.cuda.is_available() else torch.device('cpu')
    if world > 1:
        torch.cuda.set_device(rank)
        dist.init_process_group('nccl')
    torch.manual_seed(args.seed)
    # What is not bf16 is f32 on purpose (the delta rule's state and its triangular system).
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    os.makedirs(args.out, exist_ok=True)
    text = Text(args.tokenizer)
    config = text.config(n_layers=args.layers, v_depth=args.vision_layers)
    model = Model(config).to(device)
    decay = [p for p in model.parameters() if p.ndim >= 2]
    rest = [p for p in model.parameters() if p.ndim < 2]
    fused = {'fused': True} if device.type == 'cuda' else {}
    optimizer = torch.optim.AdamW([{'params': decay, 'weight_decay': 0.05}, {'params': rest, 'weight_decay': 0}], lr=args.lr, betas=(0.9, 0.95), **fused)
    path = os.path.join(args.out, 'checkpoint.pt')
    step = pictures = 0
    if args.resume and os.path.exists(path):
        saved = torch.load(path, map_location=device)
        model.load_state_dict(saved['model'])
        optimizer.load_state_dict(saved['optimizer'])
        step, pictures = saved['step'], saved['pictures']
    if rank == 0:
        n = sum(p.numel() for p in model.parameters())
        print(f'{n / 1e6:.2f} M parameters, {world} GPU(s), {args.threads} drawing processes', flush=True)
    loader = iter(torch.utils.data.DataLoader(Series(args, rank, args.seed + step), batch_size=None, prefetch_factor=4,
                                              num_workers=max(1, args.threads // world), pin_memory=device.type == 'cuda'))
    params = list(model.parameters())
    loss_fn = torch.compile(loss_of, dynamic=False) if args.compile else loss_of
    log_file = open(os.path.join(args.out, 'log.csv'), 'a', newline='', buffering=1)  # a line at a time: a killed run keeps its log
    log = csv.writer(log_file)
    begin = told = time.time()
    sums, since, waited = [0.0] * len(BUCKETS), [0] * len(BUCKETS), 0.0
    seen, saved_at = 0, begin
    while True:
        progress = torch.tensor((time.time() - begin) / (args.minutes * 60), device=device)
        if world > 1:
            dist.broadcast(progress, 0)
        progress = progress.item()
        if progress >= 1:
            break
        t = time.time()
        b, drawn, ids, mask = next(loader)
        waited += time.time() - t
        x, ids, mask = normalised(drawn, device), ids.to(device, non_blocking=True), mask.to(device, non_blocking=True)
        for g in optimizer.param_groups:
            g['lr'] = args.lr * rate(progress, 0.03)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == 'cuda'):
            loss, main_loss, mtp_loss = loss_fn(model, ids, x, len(text.head), mask)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        # All gradients in one row: one sum over the GPUs, one norm. A batch whose gradient overflows must not end the run: it counts as zero.
        grads = [p.grad for p in params]
        flat = torch.cat([g.reshape(-1) for g in grads])
        if world > 1:
            dist.all_reduce(flat)
            flat /= world
        norm = flat.norm()
        flat = torch.where(torch.isfinite(norm), flat * (1.0 / norm.clamp(min=1.0)), torch.zeros_like(flat))
        parts = flat.split([g.numel() for g in grads])
        torch._foreach_copy_(grads, [x.view_as(g) for x, g in zip(parts, grads)])
        optimizer.step()
        step += 1
        pictures += len(x) * world
        seen += len(x) * world
        sums[b] += main_loss.item() if step % 10 == 0 else 0
        since[b] += step % 10 == 0
        now = time.time()
        if rank == 0 and now - told > 10:
            losses = [s / n if n else float('nan') for s, n in zip(sums, since)]
            print(f'{now - begin:6.0f} s  step {step}  {pictures / 1e6:.2f} M pictures, {seen / (now - told):.0f}/s, waited {100 * waited / (now - told):.0f} %  '
                  f'loss ' + ' '.join(f'{x:.3f}' for x in losses) + f'  mtp {mtp_loss.item():.2f}', flush=True)
            log.writerow([round(now - begin, 1), step, pictures, *[round(x, 4) for x in losses], round(mtp_loss.item(), 4)])
            sums, since, waited, seen, told = [0.0] * len(BUCKETS), [0] * len(BUCKETS), 0.0, 0, now
        if rank == 0 and now - saved_at > 120:
            saved_at = now
            torch.save({'model': model.state_dict(), 'optimizer': optimizer.state_dict(), 'step': step, 'pictures': pictures}, path)
            export(model, config, args.tokenizer, os.path.join(args.out, 'export'))
    del loader
    if rank == 0:
        torch.save({'model': model.state_dict(), 'optimizer': optimizer.state_dict(), 'step': step, 'pictures': pictures}, path)
        export(model, config, args.tokenizer, os.path.join(args.out, 'export'))
        figures = evaluate(model, text, args, device, show=6)
        with open(os.path.join(args.out, 'figures.json'), 'w') as f:
            json.dump({'minutes': (time.time() - begin) / 60, 'steps': step, 'pictures': pictures, 'held_out': figures}, f, indent=1)
        for key, value in figures.items():
            print(f'{key:16} {"character error rate" if key.startswith("read") else "right"} {100 * value:.2f} %', flush=True)
        print('done', flush=True)
    if world > 1:
        dist.barrier()
        dist.destroy_process_group()


if __name__ == '__main__':
    main()
