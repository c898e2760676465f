"""Batches: pictures of one size with their prompts and answers as ids, drawn by the loader's processes while the model trains."""
import collections
import os
import sys

import numpy as np
import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import data  # noqa: E402
from model import Config  # noqa: E402

# Height, width, share of the batches, share at the beginning of the course. The model reads best the sizes that it has seen.
GRIDS = {
    data.READING: [(64, 256, 0.24, 0.5), (96, 192, 0.08, 0.25), (128, 128, 0.05, 0.25), (64, 384, 0.12, 0), (64, 512, 0.15, 0),
                   (96, 320, 0.08, 0), (128, 256, 0.08, 0), (128, 384, 0.12, 0), (192, 256, 0.04, 0), (256, 256, 0.04, 0)],
    data.SHAPES: [(192, 192, 0.45, 0.45), (192, 256, 0.13, 0.13), (256, 256, 0.12, 0.12), (128, 128, 0.08, 0.08),
                  (160, 160, 0.08, 0.08), (256, 192, 0.08, 0.08), (128, 192, 0.06, 0.06)],
}
LONGEST_ANSWER = 100  # tokens; pictures with longer ones are passed over
READING_PLACES = 64  # places of a cell's first character that the marks' head tells apart

# pictures: u8 [B, H, W, 3]  marks: u8 [B, cells, 12]  damage: i64 [B, 3] (blur, noise, grey)  ids: i64 [B, T]
# at: i64 [n], places in B*T whose state predicts the n tokens `want`; at_next: i64 [n], the same in B*(T-1) for the MTP layer
Batch = collections.namedtuple('Batch', 'task height width pictures marks damage ids at at_next want')


class Text:
    """Prompt and answer to ids, as the chat template renders them (thinking off)."""

    def __init__(self, path):
        from tokenizers import Tokenizer
        self.t = Tokenizer.from_file(path)
        self.id = self.t.token_to_id
        self.size = self.t.get_vocab_size()
        self.head = self.enc('<|im_start|>user\n<|vision_start|>')
        self.vision_end = self.id('<|vision_end|>')
        self.pad = self.id('<|image_pad|>')
        self.tail = self.enc('<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n')
        self.end = self.id('<|im_end|>')
        self.prompts, self.answers = {}, {}
        sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tools', 'reference'))
        import make_tiny
        self.bytes = [self.id(c) for c in make_tiny.byte_characters()]
        assert None not in self.bytes, 'the vocabulary lacks single bytes'

    def enc(self, s):
        return self.t.encode(s, add_special_tokens=False).ids

    def prompt(self, text, n_image):
        key = (text, n_image)
        if key not in self.prompts:
            self.prompts[key] = self.head + [self.pad] * n_image + [self.vision_end] + self.enc(text) + self.tail
        return self.prompts[key]

    def answer(self, kind, text):
        """Printed text letter by letter, so that reading is copying; the rest in the vocabulary's pieces."""
        if kind == 'read':
            return [self.bytes[b] for b in text.encode()] + [self.end]
        if text not in self.answers:
            if len(self.answers) > 20000:
                self.answers.clear()
            self.answers[text] = self.enc(text) + [self.end]
        return self.answers[text]

    def config(self, **sizes):
        return Config(vocab=-(-self.size // 32) * 32, image_pad=self.pad, vision_start=self.id('<|vision_start|>'),
                      vision_end=self.vision_end, eos=self.id('<|endoftext|>'), **sizes)


def make_batch(generator, text, task, H, W, size, seed, index):
    """`size` pictures with marks; returns (Batch, items), an item being (task, prompt, answer)."""
    n_image = H * W // 1024
    pictures = np.empty((size, H, W, 3), np.uint8)
    marks = np.empty((size, H // 32, W // 32, data.MARKS), np.uint8)
    damage = np.zeros((size, 3), np.int64)
    items, rows, starts = [], [], []
    while len(rows) < size:
        i = len(rows)
        item = generator.make(seed, index, task, pictures[i], marks[i])
        index += 1
        p, a = text.prompt(item[1], n_image), text.answer(item[0], item[2])
        if len(a) > LONGEST_ANSWER or not item[2].strip():
            continue
        damage[i] = generator.damage
        items.append(item)
        rows.append(p + a)
        starts.append(len(p))
    T = -(-max(map(len, rows)) // 8) * 8
    ids = np.full((size, T), text.end, np.int64)
    at, at_next = [], []
    for i, (row, start) in enumerate(zip(rows, starts)):
        ids[i, :len(row)] = row
        q = np.arange(start, len(row))
        at.append(i * T + q - 1)
        at_next.append(i * (T - 1) + q - 2)
    at, at_next = np.concatenate(at), np.concatenate(at_next)
    want = ids.reshape(-1)[at + 1]
    tensors = [torch.from_numpy(x) for x in (pictures, marks.reshape(size, n_image, data.MARKS), damage, ids, at, at_next, want)]
    return Batch(task, H, W, *tensors), items


def batch_size(task, H, W, tokens):
    """Pictures of a batch, for about `tokens` tokens, patches counted a half."""
    longest = min(46, W // 11) * (1 if H < 128 else 2) if task == data.READING else 45
    length = 27 + H * W // 1024 + min(longest, LONGEST_ANSWER)
    return max(16, tokens // (length + H * W // 512) // 8 * 8)


class Series(torch.utils.data.IterableDataset):
    """Endless batches: process w of W draws batches w, w + W, ... `level` (multiprocessing.Value) says how hard readings may be."""

    def __init__(self, args, rank, level, reading):
        self.args, self.rank, self.level, self.reading = args, rank, level, reading

    def plan(self, n):
        """Task, height, width and level of batch n: the same for all ranks unless `level` moves in between."""
        rng = np.random.default_rng((self.args.seed, n))
        level = self.level.value
        task = data.READING if rng.random() < self.reading + (1 - self.reading) * 0.3 * (1 - level) else data.SHAPES
        grids = GRIDS[task]
        shares = np.array([late * level + early * (1 - level) for _, _, late, early in grids])
        H, W = grids[rng.choice(len(grids), p=shares / shares.sum())][:2]
        if rng.random() < 0.5 - 0.35 * level:  # easier ones stay in the course
            level *= rng.uniform(0.2, 1)
        return task, H, W, level

    def __iter__(self):
        info = torch.utils.data.get_worker_info()
        torch.set_num_threads(1)
        generator = data.Generator(data.library(self.args.library), self.args.assets, data.TRAIN)
        text = Text(self.args.tokenizer)
        n = info.id if info else 0
        while True:
            task, H, W, level = self.plan(n)
            generator.options(level, True)
            batch, _ = make_batch(generator, text, task, H, W, batch_size(task, H, W, self.args.tokens), self.args.seed * 64 + self.rank, n * 8192)
            yield batch
            n += info.num_workers if info else 1
