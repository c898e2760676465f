"""Hugging Face folders: writing the model as one, beginning with one."""
import glob
import json
import os
import re

import torch


def export(model, config, tokenizer, folder):
    """Writes the published names; parts below 15 MB. Each file is replaced whole, so that a killed run leaves a folder that loads."""
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
        save_file(part, os.path.join(folder, 'new'), metadata={'format': 'pt'})
        os.replace(os.path.join(folder, 'new'), os.path.join(folder, file))
        index.update({name: file for name in part})
    total = sum(t.numel() * t.element_size() for t in state.values())
    files = {
        'model.safetensors.index.json': {'metadata': {'total_size': total}, 'weight_map': index},
        'config.json': config.published(),
        'preprocessor_config.json': {
            'size': {'shortest_edge': 32768, 'longest_edge': 448 * 448}, 'patch_size': 16, 'temporal_patch_size': 2, 'merge_size': 2,
            'image_mean': [0.5] * 3, 'image_std': [0.5] * 3, 'image_processor_type': 'Qwen2VLImageProcessorFast',
            'processor_class': 'Qwen3VLProcessor'},
    }
    for name, value in files.items():
        with open(os.path.join(folder, name), 'w') as f:
            json.dump(value, f, indent=1)
    with open(tokenizer) as f, open(os.path.join(folder, 'tokenizer.json'), 'w') as g:
        g.write(f.read())


def load_folder(folder):
    """Every tensor of a folder as f32."""
    from safetensors.torch import load_file
    state = {}
    for file in sorted(glob.glob(os.path.join(folder, '*.safetensors'))):
        state.update({k: v.float() for k, v in load_file(file).items()})
    if not state:
        raise FileNotFoundError(f'{folder}: no *.safetensors')
    return state


def places(old, new):
    """For each new layer the old layer of its kind that it continues, in order, or None."""
    out, k = [], 0
    for kind in new:
        out.append(k if k < len(old) and old[k] == kind else None)
        k += out[-1] is not None
    if k < len(old):
        raise ValueError(f'layers {old} do not fit into {new}')
    return out


def start_from(model, folder):
    """Takes a folder's weights. Layers that it lacks are the identity: what they would add to the stream begins at zero."""
    state, own = load_folder(folder), model.state_dict()
    with open(os.path.join(folder, 'config.json')) as f:
        config = json.load(f)
    new_kinds = ['full_attention' if model.c.is_full(i) else 'linear_attention' for i in range(model.c.n_layers)]
    text = places(config['text_config']['layer_types'], new_kinds)
    depth, n = config['vision_config']['depth'], model.c.v_depth
    spread = [round(i * (n - 1) / max(1, depth - 1)) for i in range(depth)]
    tower = [spread.index(i) if i in spread else None for i in range(n)]
    ends = ('o_proj.weight', 'out_proj.weight', 'down_proj.weight', 'attn.proj.weight', 'attn.proj.bias', 'linear_fc2.weight', 'linear_fc2.bias')
    for name in own:
        layer = re.match(r'(model\.language_model\.layers|model\.visual\.blocks)\.(\d+)\.(.*)', name)
        if layer:
            old = (text if 'layers' in layer[1] else tower)[int(layer[2])]
            if old is None:
                if name.endswith(ends):
                    own[name].zero_()
                continue
            source = f'{layer[1]}.{old}.{layer[3]}'
        else:
            source = name
        if source not in state or state[source].shape != own[name].shape:
            raise ValueError(f'{folder}: {source} is missing or is not {tuple(own[name].shape)}')
        own[name].copy_(state[source])
