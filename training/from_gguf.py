#!/usr/bin/env python3
"""Turns a GGUF pair into a folder that train.py begins with (--start), so that training goes on from the shipped model.

    python3 training/from_gguf.py models/demo/demo.gguf models/demo/mmproj-demo.gguf build/training/shipped

Writes OUT/export/: config.json, preprocessor_config.json, tokenizer.json (use this one: vocabulary.py's depends on the generator's words),
model.safetensors in F16, values of one dimension in F32. The head that is thrown away is not in the pair: training grows a new one. Needs Python 3
and numpy.
"""
import json
import os
import re
import struct
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tools', 'reference'))
import make_tiny  # noqa: E402

SCALARS = {0: 'B', 1: 'b', 2: 'H', 3: 'h', 4: 'I', 5: 'i', 6: 'f', 7: '?', 10: 'Q', 11: 'q', 12: 'd'}
F32, F16, Q8_0 = 0, 1, 8
# GGUF name -> published name; the convert's table (src/convert/plan.c) read backwards.
BLOCK = {'attn_norm': 'input_layernorm', 'post_attention_norm': 'post_attention_layernorm', 'ffn_gate': 'mlp.gate_proj', 'ffn_up': 'mlp.up_proj',
         'ffn_down': 'mlp.down_proj', 'attn_q': 'self_attn.q_proj', 'attn_k': 'self_attn.k_proj', 'attn_v': 'self_attn.v_proj',
         'attn_output': 'self_attn.o_proj', 'attn_q_norm': 'self_attn.q_norm', 'attn_k_norm': 'self_attn.k_norm',
         'attn_qkv': 'linear_attn.in_proj_qkv', 'attn_gate': 'linear_attn.in_proj_z', 'ssm_beta': 'linear_attn.in_proj_b',
         'ssm_alpha': 'linear_attn.in_proj_a', 'ssm_conv1d': 'linear_attn.conv1d', 'ssm_norm': 'linear_attn.norm', 'ssm_out': 'linear_attn.out_proj',
         'ssm_a': 'linear_attn.A_log', 'ssm_dt': 'linear_attn.dt_bias'}
NEXT = {'nextn.eh_proj': 'mtp.fc', 'nextn.enorm': 'mtp.pre_fc_norm_embedding', 'nextn.hnorm': 'mtp.pre_fc_norm_hidden', 'nextn.shared_head_norm': 'mtp.norm'}
VISION = {'ln1': 'norm1', 'ln2': 'norm2', 'attn_qkv': 'attn.qkv', 'attn_out': 'attn.proj', 'ffn_up': 'mlp.linear_fc1', 'ffn_down': 'mlp.linear_fc2'}
REST = {'token_embd.weight': 'model.language_model.embed_tokens.weight', 'output_norm.weight': 'model.language_model.norm.weight',
        'v.patch_embd.bias': 'model.visual.patch_embed.proj.bias', 'v.position_embd.weight': 'model.visual.pos_embed.weight',
        'v.post_ln': 'model.visual.merger.norm', 'mm.0': 'model.visual.merger.linear_fc1', 'mm.2': 'model.visual.merger.linear_fc2'}


def read(path):
    """-> ({key: value}, {name: f32 array in the published order of dimensions})"""
    with open(path, 'rb') as f:
        data = f.read()
    at = 0

    def take(form):
        nonlocal at
        value = struct.unpack_from('<' + form, data, at)
        at += struct.calcsize('<' + form)
        return value[0]

    def text():
        nonlocal at
        n = take('Q')
        at += n
        return data[at - n:at].decode()

    def value(kind):
        if kind == 8:
            return text()
        if kind == 9:
            of, n = take('I'), take('Q')
            return [value(of) for _ in range(n)]
        return take(SCALARS[kind])

    if data[:4] != b'GGUF':
        raise ValueError(f'{path}: not a GGUF file')
    at = 8
    n_tensors, n_keys = take('Q'), take('Q')
    keys = {}
    for _ in range(n_keys):
        name = text()
        keys[name] = value(take('I'))
    infos = []
    for _ in range(n_tensors):
        name = text()
        shape = [take('Q') for _ in range(take('I'))][::-1]
        infos.append((name, shape, take('I'), take('Q')))
    alignment = keys.get('general.alignment', 32)
    base = -(-at // alignment) * alignment
    return keys, {name: values(data, base + offset, shape, kind, name) for name, shape, kind, offset in infos}


def values(data, at, shape, kind, name):
    n = int(np.prod(shape))
    if kind in (F32, F16):
        x = np.frombuffer(data, '<f4' if kind == F32 else '<f2', n, at).astype(np.float32)
    elif kind == Q8_0:
        blocks = np.frombuffer(data, np.dtype([('d', '<f2'), ('q', 'i1', 32)]), n // 32, at)
        x = blocks['d'].astype(np.float32)[:, None] * blocks['q']
    else:
        raise ValueError(f'{name}: type {kind} is not F32, F16 or Q8_0')
    return x.reshape(shape)


def published(name, n_layers):
    """The published name of a tensor, and whether its weight is stored around 0 there."""
    block = re.match(r'(v\.)?blk\.(\d+)\.(.+?)(\.weight|\.bias)?$', name)
    if not block:
        stem, _, end = name.rpartition('.')
        new = REST.get(name) or f'{REST[stem]}.{end}'
        return new, new == 'model.language_model.norm.weight'
    vision, layer, what, end = block[1], int(block[2]), block[3], block[4] or ''
    if vision:
        return f'model.visual.blocks.{layer}.{VISION[what]}{end}', False
    if what in NEXT:
        return NEXT[what] + end, not what.endswith('eh_proj')
    prefix = f'model.language_model.layers.{layer}.' if layer < n_layers else 'mtp.layers.0.'
    return prefix + BLOCK[what] + ('' if what in ('ssm_a', 'ssm_dt') else end), what.endswith('_norm') and what != 'ssm_norm'


def write_safetensors(path, tensors):
    header, at = {'__metadata__': {'format': 'pt'}}, 0
    for name, x in tensors.items():
        header[name] = {'dtype': {'<f4': 'F32', '<f2': 'F16'}[x.dtype.str], 'shape': list(x.shape), 'data_offsets': [at, at + x.nbytes]}
        at += x.nbytes
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text)
        for x in tensors.values():
            f.write(x.tobytes())


def config(keys, vision, tensors):
    """config.json as train.py reads it (model.Config.of, folder.start_from)."""
    arch = keys['general.architecture']
    k = lambda name, default=None: keys.get(f'{arch}.{name}', default)
    n_layers = k('block_count') - k('nextn_predict_layers', 0)
    rotary = 2 * sum(k('rope.dimension_sections'))
    kinds = ['full_attention' if f'blk.{i}.attn_q.weight' in tensors else 'linear_attention' for i in range(n_layers)]
    token = {text: i for i, text in enumerate(keys['tokenizer.ggml.tokens'])}
    v = lambda name: vision[f'clip.vision.{name}']
    return {
        'architectures': ['Qwen3_5ForConditionalGeneration'], 'model_type': 'qwen3_5', 'tie_word_embeddings': True,
        'image_token_id': token['<|image_pad|>'], 'video_token_id': token['<|video_pad|>'],
        'vision_start_token_id': token['<|vision_start|>'], 'vision_end_token_id': token['<|vision_end|>'],
        'text_config': {
            'model_type': 'qwen3_5_text', 'vocab_size': tensors['token_embd.weight'].shape[0], 'hidden_size': k('embedding_length'),
            'intermediate_size': k('feed_forward_length'), 'num_hidden_layers': n_layers, 'num_attention_heads': k('attention.head_count'),
            'num_key_value_heads': k('attention.head_count_kv'), 'head_dim': k('attention.key_length'), 'hidden_act': 'silu', 'attention_bias': False,
            'attn_output_gate': True, 'rms_norm_eps': k('attention.layer_norm_rms_epsilon'), 'max_position_embeddings': k('context_length'),
            'layer_types': kinds, 'linear_conv_kernel_dim': k('ssm.conv_kernel'), 'linear_key_head_dim': k('ssm.state_size'),
            'linear_value_head_dim': k('ssm.inner_size') // k('ssm.time_step_rank'), 'linear_num_key_heads': k('ssm.group_count'),
            'linear_num_value_heads': k('ssm.time_step_rank'), 'mtp_num_hidden_layers': k('nextn_predict_layers', 0),
            'mtp_use_dedicated_embeddings': False, 'tie_word_embeddings': True, 'eos_token_id': token['<|endoftext|>'],
            'rope_parameters': {'rope_type': 'default', 'rope_theta': k('rope.freq_base'), 'partial_rotary_factor': rotary / k('attention.key_length'),
                                'mrope_interleaved': True, 'mrope_section': k('rope.dimension_sections')[:3]}},
        'vision_config': {
            'model_type': 'qwen3_5', 'depth': v('block_count'), 'hidden_size': v('embedding_length'), 'num_heads': v('attention.head_count'),
            'intermediate_size': v('feed_forward_length'), 'hidden_act': 'gelu_pytorch_tanh', 'in_channels': 3, 'patch_size': v('patch_size'),
            'temporal_patch_size': 2, 'spatial_merge_size': 2, 'num_position_embeddings': tensors['v.position_embd.weight'].shape[0],
            'out_hidden_size': k('embedding_length'), 'deepstack_visual_indexes': []}}


def preprocessor(vision):
    """preprocessor_config.json: without it pictures would be scaled to the areas of the whole family."""
    v = lambda name: vision[f'clip.vision.{name}']
    return {
        'size': {'shortest_edge': v('image_min_pixels'), 'longest_edge': v('image_max_pixels')}, 'patch_size': v('patch_size'),
        'temporal_patch_size': 2, 'merge_size': v('spatial_merge_size'), 'image_mean': v('image_mean'), 'image_std': v('image_std'),
        'image_processor_type': 'Qwen2VLImageProcessorFast', 'processor_class': 'Qwen3VLProcessor'}


def main(text_path, vision_path, out):
    keys, tensors = read(text_path)
    vision, more = read(vision_path)
    tensors.update(more)
    made = config(keys, vision, tensors)
    if made['text_config']['linear_num_key_heads'] != made['text_config']['linear_num_value_heads']:
        raise ValueError(f'{text_path}: has more value heads than key heads, which lie in another order in GGUF files')
    merges = [tuple(merge.split(' ')) for merge in keys['tokenizer.ggml.merges']]
    tokenizer = make_tiny.tokenizer_json(merges, False)
    entries = {**tokenizer['model']['vocab'], **{a['content']: a['id'] for a in tokenizer['added_tokens']}}
    if any(keys['tokenizer.ggml.tokens'][i:i + 1] != [text] for text, i in entries.items()):
        raise ValueError(f'{text_path}: its entries do not follow from its merges')
    state = {}
    frames = [tensors.pop(f'v.patch_embd.weight{end}') for end in ('', '.1')]
    state['model.visual.patch_embed.proj.weight'] = np.stack(frames, 2)  # [Dv, 3, 2, ps, ps]
    for name, x in tensors.items():
        new, centred = published(name, made['text_config']['num_hidden_layers'])
        if new.endswith('A_log'):
            x = np.log(-x)  # the pair has -exp(A_log)
        if new.endswith('conv1d.weight'):
            x = x[:, None]
        state[new] = x - 1 if centred else x
    export = os.path.join(out, 'export')
    os.makedirs(export, exist_ok=True)
    write_safetensors(os.path.join(export, 'model.safetensors'),
                      {name: x.astype('<f4' if x.ndim == 1 else '<f2') for name, x in sorted(state.items())})
    for name, value in (('config.json', made), ('preprocessor_config.json', preprocessor(vision)), ('tokenizer.json', tokenizer)):
        with open(os.path.join(export, name), 'w') as f:
            json.dump(value, f, ensure_ascii=False, indent=None if name == 'tokenizer.json' else 1)
    print(f'{len(state)} tensors, {sum(x.size for x in state.values()) / 1e6:.2f} M values in {export}')


if __name__ == '__main__':
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
