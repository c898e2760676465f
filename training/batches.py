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
    data.READING: [(64, 256, 0.17, 0.5), (96, 192, 0.07, 0.25), (128, 128, 0.05, 0.25), (64, 384, 0.1, 0), (64, 512, 0.13, 0),
                   (96, 320, 0.08, 0), (128, 256, 0.1, 0), (128, 384, 0.12, 0), (128, 512, 0.09, 0), (192, 256, 0.05, 0), (256, 256, 0.04, 0)],
    data.SHAPES: [(192, 192, 0.45, 0.45), (192, 256, 0.13, 0.13), (256, 256, 0.12, 0.12), (128, 128, 0.08, 0.08),
                  (160, 160, 0.08, 0.08), (256, 192, 0.08, 0.08), (128, 192, 0.06, 0.06)],
    data.SCENES: [(192, 192, 0.28, 0.4), (256, 256, 0.24, 0.2), (128, 128, 0.1, 0.3), (192, 256, 0.1, 0.1), (256, 192, 0.08, 0),
                  (320, 320, 0.1, 0), (256, 384, 0.05, 0), (448, 448, 0.05, 0)],
    data.PARAGRAPHS: [(448, 448, 0.4, 0), (320, 448, 0.15, 0), (448, 320, 0.1, 0), (256, 384, 0.12, 0.3), (384, 384, 0.13, 0),
                      (192, 320, 0.1, 0.7)],
    data.DOCUMENTS: [(448, 448, 0.28, 0), (448, 320, 0.2, 0), (384, 384, 0.12, 0), (320, 320, 0.1, 0.2), (256, 384, 0.1, 0.2),
                     (320, 448, 0.08, 0), (192, 320, 0.08, 0.4), (128, 320, 0.04, 0.2)],
    data.PAGES: [(448, 448, 0.34, 0), (448, 320, 0.22, 0), (384, 384, 0.14, 0), (320, 320, 0.1, 0.4), (256, 384, 0.1, 0.6), (320, 448, 0.1, 0)],
    data.CHARTS: [(256, 320, 0.3, 0.5), (320, 320, 0.2, 0.1), (256, 256, 0.15, 0.4), (320, 448, 0.15, 0), (448, 448, 0.12, 0), (256, 384, 0.08, 0)],
}
# Share of the batches of each family at the end of the course, at its beginning.
SHARES = {data.READING: (0.14, 0.5), data.SHAPES: (0.04, 0.15), data.SCENES: (0.22, 0.25), data.PARAGRAPHS: (0.08, 0.03),
          data.DOCUMENTS: (0.24, 0.04), data.PAGES: (0.06, 0.01), data.CHARTS: (0.22, 0.02)}
# Share of the batches while the tower learns alone: what has many letters.
TOWER = {data.READING: 0.25, data.SHAPES: 0.06, data.SCENES: 0.16, data.PARAGRAPHS: 0.2, data.DOCUMENTS: 0.12, data.PAGES: 0.13, data.CHARTS: 0.08}
LONG = (data.PARAGRAPHS, data.PAGES)  # families whose answers are whole texts
# Questions about one picture in training: its tokens are most of the cost, a question with its answer comes on top.
QUESTIONS = {data.SHAPES: 4, data.SCENES: 4, data.DOCUMENTS: 7, data.CHARTS: 8}
TURN = 50  # tokens of a question with its answer, on average: the last questions of a picture that would take more are left out
READING_PLACES = 64  # places of a cell's first character that the marks' head tells apart


def longest_answer(task):
    """Tokens; pictures with longer answers are passed over."""
    return 520 if task in LONG else 160


# pictures: u8 [B, H, W, 3]  marks: u8 [B, cells, MARKS]  damage: i64 [B, 4] (blur, noise, grey, jpeg)  ids: i64 [B, T]
# at: i64 [n], places in B*T whose state predicts the tokens want [n]; share: f32 [n], what each of them weighs, all together 1 (shares_of), 0 for
# those that fill up; *_next: the same for the MTP layer, of the first part of the pictures (next_part), places in their B'*(T-1)
Batch = collections.namedtuple('Batch', 'task height width pictures marks damage ids at want share at_next want_next share_next')


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
        self.turn = self.enc('\n<|im_start|>user\n')
        self.reply = self.enc('<|im_end|>\n<|im_start|>assistant\n')
        self.tail = self.reply + self.enc('<think>\n\n</think>\n\n')
        self.end = self.id('<|im_end|>')
        self.prompts, self.answers = {}, {}
        sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tools', 'reference'))
        import make_tiny
        self.bytes = [self.id(c) for c in make_tiny.byte_characters()]
        assert None not in self.bytes, 'the vocabulary lacks single bytes'

    def enc(self, s):
        return self.t.encode(s, add_special_tokens=False).ids

    def question(self, text):
        if text not in self.prompts:
            if len(self.prompts) > 20000:
                self.prompts.clear()
            self.prompts[text] = self.enc(text)
        return self.prompts[text]

    def prompt(self, text, n_image):
        return self.head + [self.pad] * n_image + [self.vision_end] + self.question(text) + self.tail

    def conversation(self, asked, n_image, bare):
        """Several questions about one picture, one turn each.  asked: [(prompt, answer)]  ->  ids, [(start, end)] of the answers

        bare: for all turns but the last, whether the empty block of thoughts is left out. A finished turn is rendered without it (the
        history of a chat), one that is being answered with it; here a turn is both.
        """
        ids, spans = self.head + [self.pad] * n_image + [self.vision_end], []
        for i, (prompt, answer) in enumerate(asked):
            ids = ids + (self.turn if i else []) + self.question(prompt) + (self.reply if i + 1 < len(asked) and bare[i] else self.tail)
            spans.append((len(ids), len(ids) + len(answer)))
            ids = ids + answer
        return ids, spans

    def answer(self, text):
        """What is copied from the picture letter by letter, so that reading is copying; the rest in the vocabulary's pieces."""
        if text in self.answers:
            return self.answers[text]
        ids = []
        for i, part in enumerate(text.split(data.COPIED)):
            ids += [self.bytes[b] for b in part.encode()] if i % 2 else self.enc(part) if part else []
        ids.append(self.end)
        if data.COPIED not in text:
            if len(self.answers) > 20000:
                self.answers.clear()
            self.answers[text] = ids
        return ids

    def config(self, **sizes):
        return Config(vocab=-(-self.size // 32) * 32, image_pad=self.pad, vision_start=self.id('<|vision_start|>'),
                      vision_end=self.vision_end, eos=self.id('<|endoftext|>'), **sizes)


def shares_of(lengths):
    """What each token of the answers weighs: one of n tokens counts as the root of n, so that a word that takes looking (yes, left, 3) is not
    lost beside sentences."""
    share = np.concatenate([np.full(n, n ** -0.5, np.float32) for n in lengths])
    return share / share.sum()


def next_part(size):
    """Of so many pictures, those from which the MTP layer learns: a third of the answers is enough for it."""
    return -(-size // 3)


def rounded(n, parts):
    """n or a little more, so that few sizes occur, `parts` of them for each doubling: each becomes a recording of its own (steps.py)."""
    step = max(8, (1 << (n - 1).bit_length()) // (2 * parts))
    return -(-n // step) * step


def filled(x, n):
    return np.concatenate((x, np.zeros(n - len(x), x.dtype)))


def make_batch(generator, text, task, H, W, size, seed, index, most=1):
    """`size` pictures with marks, up to `most` questions about each; returns (Batch, items), an item being (task, prompt, answer) of the first."""
    n_image = H * W // 1024
    rng = np.random.default_rng((seed, index))
    pictures = np.empty((size, H, W, 3), np.uint8)
    marks = np.empty((size, H // 32, W // 32, data.MARKS), np.uint8)
    damage = np.zeros((size, 4), np.int64)
    items, rows, spans = [], [], []
    while len(rows) < size:
        i = len(rows)
        asked = generator.ask(seed, index, task, pictures[i], marks[i], most)
        index += 1
        turns = [(prompt, text.answer(answer)) for _, prompt, answer in asked]
        if any(len(a) > longest_answer(task) for _, a in turns) or not all(data.plain(answer).strip() for *_, answer in asked):
            continue
        damage[i] = generator.damage
        items.append((*asked[0][:2], data.plain(asked[0][2])))
        bare = rng.random(len(turns)) < 0.5
        row, where = text.conversation(turns, n_image, bare)
        while len(turns) > 1 and len(row) > n_image + TURN * most:  # all rows of a batch are filled up to the longest
            turns.pop()
            row, where = text.conversation(turns, n_image, bare)
        rows.append(row)
        spans.append(where)
    T = rounded(max(map(len, rows)), 8)
    ids = np.full((size, T), text.end, np.int64)
    at, at_next, lengths, part = [], [], [], next_part(size)
    for i, (row, where) in enumerate(zip(rows, spans)):
        ids[i, :len(row)] = row
        for start, end in where:
            q = np.arange(start, end)
            at.append(i * T + q - 1)
            if i < part:
                at_next.append(i * (T - 1) + q - 2)
            lengths.append(end - start)
    share, ahead = shares_of(lengths), shares_of(lengths[:len(at_next)])
    at, at_next = np.concatenate(at), np.concatenate(at_next)
    want = ids.reshape(-1)[at + 1]
    n = rounded(len(at), 1)
    m = n if len(at_next) > n // 2 else n // 2  # a third of the answers, as a rule
    answers = filled(at, n), filled(want, n), filled(share, n), filled(at_next, m), filled(want[:len(at_next)], m), filled(ahead, m)
    tensors = [torch.from_numpy(x) for x in (pictures, marks.reshape(size, n_image, data.MARKS), damage, ids, *answers)]
    return Batch(task, H, W, *tensors), items


def batch_size(task, H, W, tokens):
    """Pictures of a batch, for about `tokens` tokens, patches counted a half."""
    longest = {data.READING: min(46, W // 11) * (1 if H < 128 else 2), data.PARAGRAPHS: H * W // 460, data.PAGES: H * W // 600,
               data.DOCUMENTS: 70, data.CHARTS: 80}.get(task, 60)
    length = 40 + H * W // 1024 + min(longest, longest_answer(task)) + 40 * (QUESTIONS.get(task, 1) - 1)
    return max(8, tokens // (length + H * W // 512) // 8 * 8)


def tower_batch_size(H, W, tokens):
    """Pictures of a batch of which only the tower's rows are wanted."""
    return max(8, int(1.5 * tokens) // (H * W // 256) // 8 * 8)


def shares(level, reading=None):
    """Share of each family's batches; `reading`: only lines and shapes, so many of them lines."""
    if reading is not None:
        lines = reading + (1 - reading) * 0.3 * (1 - level)
        return {data.READING: lines, data.SHAPES: 1 - lines}
    return {task: late * level + early * (1 - level) for task, (late, early) in SHARES.items()}


class Series(torch.utils.data.IterableDataset):
    """Endless batches: process w of W draws batches w, w + W, ...

    `level` (multiprocessing.Value) says how hard readings may be, `alone` (another) whether the tower learns alone: then all levels come.
    """

    def __init__(self, args, rank, level, alone, reading):
        self.args, self.rank, self.level, self.alone, self.reading = args, rank, level, alone, reading
        self.seed = args.seed * 1024 + getattr(args, 'run', 0)  # every run of a sequence draws others

    def plan(self, n):
        """Task, height, width, level and size of batch n: the same for all ranks unless `level` moves in between."""
        rng = np.random.default_rng((self.seed, n))
        alone = bool(self.alone.value)
        level = rng.random() if alone else self.level.value
        part = TOWER if alone else shares(level, self.reading)
        task = list(part)[rng.choice(len(part), p=np.array(list(part.values())) / sum(part.values()))]
        grids = GRIDS[task]
        share = np.array([late * level + early * (1 - level) for _, _, late, early in grids])
        H, W = grids[rng.choice(len(grids), p=share / share.sum())][:2]
        if not alone and rng.random() < 0.5 - 0.35 * level:  # easier ones stay in the course
            level *= rng.uniform(0.2, 1)
        return task, H, W, level, tower_batch_size(H, W, self.args.tokens) if alone else batch_size(task, H, W, self.args.tokens)

    def __iter__(self):
        info = torch.utils.data.get_worker_info()
        torch.set_num_threads(1)
        generator = data.Generator(data.library(self.args.library), self.args.assets, data.TRAIN)
        text = Text(self.args.tokenizer)
        n = info.id if info else 0
        while True:
            task, H, W, level, size = self.plan(n)
            generator.options(level, True)
            batch, _ = make_batch(generator, text, task, H, W, size, self.seed * 64 + self.rank, n * 8192, QUESTIONS.get(task, 1))
            yield batch
            n += info.num_workers if info else 1
