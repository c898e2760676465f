"""What the training minimises: the answers' tokens, those of the MTP layer, and what a head that is thrown away reads off each image token."""
import torch
import torch.nn as nn
import torch.nn.functional as F

import data
from batches import READING_PLACES, next_part


class MarksHead(nn.Module):
    """From one image token: its characters in reading order, its object's shape and colour, the place of its first character.

    It gives the vision tower a gradient for every letter from the first step on; the decoder finds letters that are already there.
    """

    def __init__(self, d_model):
        super().__init__()
        self.sizes = [data.SLOTS * data.CHARACTERS, data.N_SHAPES + 1, data.N_COLOURS + 1, data.MOST_SPRITES + 1, READING_PLACES]
        self.norm = nn.LayerNorm(d_model, eps=1e-6)
        self.out = nn.Linear(d_model, sum(self.sizes))
        nn.init.normal_(self.out.weight, 0, d_model ** -0.5)
        nn.init.zeros_(self.out.bias)

    def forward(self, rows):
        """rows: [B, n, D]  ->  characters [B, n, 18, classes], shape, colour, emoji, place logits [B, n, classes], f32"""
        c, s, k, e, p = self.out(self.norm(rows)).float().split(self.sizes, -1)
        return c.unflatten(-1, (data.SLOTS, data.CHARACTERS)), s, k, e, p


def balanced(logits, want):
    """Cross entropy, the mean over what is there plus that over what is not (class 0); also the share of right ones that are there."""
    logits, want = logits.flatten(0, -2), want.flatten()
    ce = F.cross_entropy(logits, want, reduction='none')
    there = (want > 0).float()
    n, m = there.sum().clamp(min=1), (1 - there).sum().clamp(min=1)
    right = ((logits.detach().argmax(-1) == want).float() * there).sum() / n
    return (ce * there).sum() / n + (ce * (1 - there)).sum() / m, right


def marks_loss(head, rows, marks, task):
    """rows: [B, n, D]  marks: u8 [B, n, MARKS]  ->  loss, share of right characters (of shapes or emoji for such pictures)"""
    assert rows.shape[:2] == marks.shape[:2] and marks.shape[2] == data.MARKS, (rows.shape, marks.shape)
    marks = marks.long()
    characters, shape, colour, emoji, place = head(rows)
    if task in (data.SHAPES, data.SCENES):
        loss, right = balanced(shape, marks[..., data.SHAPE]) if task == data.SHAPES else balanced(emoji, marks[..., data.SPRITE])
        return 0.5 * (loss + balanced(colour, marks[..., data.COLOUR])[0]), right
    loss, right = balanced(characters, marks[..., :data.SLOTS])
    if task != data.READING:
        return loss, right
    at = marks[..., data.PLACE]
    known = (at < READING_PLACES).float()
    ce = F.cross_entropy(place.flatten(0, 1), at.clamp(max=READING_PLACES - 1).flatten(), reduction='none')
    return loss + 0.2 * (ce * known.flatten()).sum() / known.sum().clamp(min=1), right


def told_tokens(logits, want, share):
    """Cross entropy, each token weighed by its share; share of right ones among those that weigh anything."""
    loss = (F.cross_entropy(logits.float(), want, reduction='none') * share).sum()
    counts = (share > 0).float()
    return loss, ((logits.detach().argmax(-1) == want).float() * counts).sum() / counts.sum()


def answer_loss(model, h, e, cos, sin, batch):
    """Of the answers' tokens the cross entropy and the share of right ones, then both for the MTP layer."""
    B, T = batch.ids.shape
    part = next_part(B)
    assert h.shape[:2] == (B, T), (h.shape, batch.ids.shape)
    main = told_tokens(model.logits(h.reshape(B * T, -1)[batch.at]), batch.want, batch.share)
    m = model.predict_next(h[:part], e[:part], cos, sin)
    return *main, *told_tokens(model.logits(m.reshape(part * (T - 1), -1)[batch.at_next]), batch.want_next, batch.share_next)
