#!/usr/bin/env python3
"""Loads an exported folder with the reference class and compares its logits with this model's, in f32.

    python3 training/check_reference.py --assets ASSETS --tokenizer tokenizer.json --export RUN/export
"""
import argparse
import json
import os
import sys

import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import data  # noqa: E402
from batches import Text, make_batch  # noqa: E402
from evaluate import SIZES, normalised  # noqa: E402
from folder import load_folder  # noqa: E402
from model import Config, Model  # noqa: E402


@torch.no_grad()
def main():
    from transformers import Qwen3_5ForConditionalGeneration
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('--assets', required=True)
    a.add_argument('--tokenizer', required=True)
    a.add_argument('--export', required=True)
    a.add_argument('--library')
    args = a.parse_args()
    with open(os.path.join(args.export, 'config.json')) as f:
        published = json.load(f)
    text = Text(args.tokenizer)
    model = Model(Config.of(published))
    model.load_state_dict(load_folder(args.export))
    model.eval()
    reference = Qwen3_5ForConditionalGeneration.from_pretrained(args.export, dtype=torch.float32, attn_implementation='eager').eval()
    generator = data.Generator(data.library(args.library), args.assets, data.HELD_OUT)
    worst = 0.0
    for task, H, W in SIZES[:8]:
        batch, _ = make_batch(generator, text, task, H, W, 2, 5, 0)
        x, ids = normalised(batch.pictures, torch.device('cpu')), batch.ids
        mine = model.logits(model(ids, x, len(text.head))[0])
        for i in range(2):
            # Patches in merge-block order, both frames equal (docs/MODEL.md 3).
            p = x[i].view(3, H // 32, 2, 16, W // 32, 2, 16).permute(1, 4, 2, 5, 0, 3, 6).unsqueeze(5).expand(-1, -1, -1, -1, -1, 2, -1, -1)
            theirs = reference(input_ids=ids[i:i + 1], pixel_values=p.reshape(H * W // 256, -1).contiguous(),
                               image_grid_thw=torch.tensor([[1, H // 16, W // 16]]), mm_token_type_ids=(ids[i:i + 1] == text.pad).int()).logits[0]
            worst = max(worst, (theirs[:, :text.size] - mine[i, :, :text.size]).abs().max().item())
    print(f'largest difference of a logit: {worst:.2e}')


main()
