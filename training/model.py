"""A small Qwen3.5-style vision-language model for training.

The mathematics is that of docs/MODEL.md and of the reference class Qwen3_5ForConditionalGeneration; parameters carry the published
checkpoint's names, so that a state dict is a checkpoint. What differs from the reference is only how it is computed: the delta rule
of a chunk is one triangular solve instead of a loop over its tokens, and pictures of one size go through the vision tower as one
batch. Pictures of a batch have the same size and stand at the same place of the prompt.
"""
import contextlib
import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class Config:
    """Sizes of the model; `published()` gives the config.json that goes with the weights."""

    def __init__(self, vocab, image_pad, vision_start, vision_end, eos, **kw):
        self.vocab, self.image_pad, self.vision_start, self.vision_end, self.eos = vocab, image_pad, vision_start, vision_end, eos
        self.d_model, self.d_ff, self.n_layers, self.full_interval = 256, 768, 8, 4
        self.n_heads, self.n_kv_heads, self.head_dim = 4, 2, 64
        self.n_k_heads, self.n_v_heads, self.k_head_dim, self.v_head_dim, self.conv_kernel = 4, 4, 64, 64, 4
        self.rotary_factor, self.theta, self.sections = 0.5, 10000.0, (6, 5, 5)
        self.v_depth, self.v_dim, self.v_heads, self.v_ff, self.v_side = 8, 256, 4, 1024, 16
        self.eps = 1e-6
        self.__dict__.update(kw)

    @staticmethod
    def of(published):
        """The Config of a config.json that `published()` wrote."""
        t, v = published['text_config'], published['vision_config']
        rope, kinds = t['rope_parameters'], t['layer_types']
        return Config(
            t['vocab_size'], published['image_token_id'], published['vision_start_token_id'], published['vision_end_token_id'], t['eos_token_id'],
            d_model=t['hidden_size'], d_ff=t['intermediate_size'], n_layers=len(kinds), full_interval=kinds.index('full_attention') + 1,
            n_heads=t['num_attention_heads'], n_kv_heads=t['num_key_value_heads'], head_dim=t['head_dim'], n_k_heads=t['linear_num_key_heads'],
            n_v_heads=t['linear_num_value_heads'], k_head_dim=t['linear_key_head_dim'], v_head_dim=t['linear_value_head_dim'],
            conv_kernel=t['linear_conv_kernel_dim'], rotary_factor=rope['partial_rotary_factor'], theta=rope['rope_theta'],
            sections=tuple(rope['mrope_section']), v_depth=v['depth'], v_dim=v['hidden_size'], v_heads=v['num_heads'], v_ff=v['intermediate_size'],
            v_side=math.isqrt(v['num_position_embeddings']), eps=t['rms_norm_eps'])

    def is_full(self, i):
        return (i + 1) % self.full_interval == 0

    def published(self):
        rope = {'rope_type': 'default', 'rope_theta': self.theta, 'partial_rotary_factor': self.rotary_factor,
                'mrope_interleaved': True, 'mrope_section': list(self.sections)}
        return {
            'architectures': ['Qwen3_5ForConditionalGeneration'], 'model_type': 'qwen3_5', 'tie_word_embeddings': True,
            'image_token_id': self.image_pad, 'video_token_id': self.image_pad + 1,
            'vision_start_token_id': self.vision_start, 'vision_end_token_id': self.vision_end,
            'text_config': {
                'model_type': 'qwen3_5_text', 'vocab_size': self.vocab, 'hidden_size': self.d_model, 'intermediate_size': self.d_ff,
                'num_hidden_layers': self.n_layers, 'num_attention_heads': self.n_heads, 'num_key_value_heads': self.n_kv_heads,
                'head_dim': self.head_dim, 'hidden_act': 'silu', 'attention_bias': False, 'attn_output_gate': True,
                'rms_norm_eps': self.eps, 'max_position_embeddings': 4096,
                'layer_types': ['full_attention' if self.is_full(i) else 'linear_attention' for i in range(self.n_layers)],
                'linear_conv_kernel_dim': self.conv_kernel, 'linear_key_head_dim': self.k_head_dim,
                'linear_value_head_dim': self.v_head_dim, 'linear_num_key_heads': self.n_k_heads,
                'linear_num_value_heads': self.n_v_heads, 'mtp_num_hidden_layers': 1, 'mtp_use_dedicated_embeddings': False,
                'rope_parameters': rope, 'tie_word_embeddings': True, 'eos_token_id': self.eos},
            'vision_config': {
                'model_type': 'qwen3_5', 'depth': self.v_depth, 'hidden_size': self.v_dim, 'num_heads': self.v_heads,
                'intermediate_size': self.v_ff, 'hidden_act': 'gelu_pytorch_tanh', 'in_channels': 3, 'patch_size': 16,
                'temporal_patch_size': 2, 'spatial_merge_size': 2, 'num_position_embeddings': self.v_side ** 2,
                'out_hidden_size': self.d_model, 'deepstack_visual_indexes': []}}


def rmsnorm(x, w, eps=1e-6):
    """w is the plain weight. In f32 whatever x is."""
    if hasattr(F, 'rms_norm'):
        return F.rms_norm(x.float(), w.shape, w.float(), eps).to(x.dtype)
    y = x.float()
    return (y * torch.rsqrt(y.square().mean(-1, keepdim=True) + eps) * w.float()).to(x.dtype)


class CentredNorm(nn.Module):
    """rmsnorm whose weight is stored around 0."""

    def __init__(self, n):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n))

    def forward(self, x):
        return rmsnorm(x, 1 + self.weight)


def rotate(x, cos, sin):
    """Rotates the first 2 n values of each head, pairs (j, j + n).  x: [B, H, T, D]  cos, sin: [T, n]"""
    n = cos.shape[-1]
    a, b, rest = x[..., :n], x[..., n:2 * n], x[..., 2 * n:]
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    return torch.cat((a * cos - b * sin, b * cos + a * sin, rest), -1)


def attend(q, k, v, causal=False):
    """Softmax attention; the plain form is for versions of torch without the fused one."""
    if hasattr(F, 'scaled_dot_product_attention'):
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    s = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    if causal:
        s = s.masked_fill(torch.ones_like(s, dtype=torch.bool).triu(1), -math.inf)
    return s.softmax(-1) @ v


class UnitLowerInverse(torch.autograd.Function):
    """The inverse of I + L for strictly lower triangular L [..., n, n], n = 16 * 2^k, by matrix products alone.

    A triangular solve of many small systems leaves a GPU idle. Blocks of 16 are inverted as the finite series
    (I - L)(I + L^2)(I + L^4)(I + L^8), then merged two by two: inv([[A, 0], [C, B]]) = [[A', 0], [-B' C A', B']]. The powers are
    taken of small blocks only, where they cannot grow beyond what f32 carries.
    """

    @staticmethod
    def forward(ctx, L):
        n, size = L.shape[-1], 16
        shape = L.shape[:-2]
        blocks = L.view(*shape, n // size, size, n // size, size).diagonal(dim1=-4, dim2=-2).movedim(-1, -3)
        eye = torch.eye(size, device=L.device, dtype=L.dtype)
        power = -blocks
        inverse = eye + power
        for _ in range(3):
            power = power @ power
            inverse = inverse + inverse @ power
        while size < n:
            A, B = inverse[..., 0::2, :, :], inverse[..., 1::2, :, :]
            pair = L.view(*shape, n // (2 * size), 2 * size, n // (2 * size), 2 * size).diagonal(dim1=-4, dim2=-2).movedim(-1, -3)
            C = -B @ pair[..., size:, :size] @ A
            top = torch.cat((A, torch.zeros_like(A)), -1)
            inverse = torch.cat((top, torch.cat((C, B), -1)), -2)
            size *= 2
        inverse = inverse.squeeze(-3)
        ctx.save_for_backward(inverse)
        return inverse

    @staticmethod
    def backward(ctx, grad):
        (inverse,) = ctx.saved_tensors
        t = inverse.transpose(-1, -2)
        return -(t @ grad @ t).tril(-1)


class ChunkScan(torch.autograd.Function):
    """The recurrence over chunks, S_0 = 0: U_i = W_i - Y_i S_i and S_(i+1) = end_i S_i + K_i^T U_i.

    W: [n, N, C, dv]  Y, K: [n, N, C, dk]  end: [n, N]  ->  U as W, S [n, N, dk, dv], the state before each chunk. The backward pass is
    written out: differentiating a loop that indexes its inputs would add up a tensor of their whole size for each chunk.
    """

    @staticmethod
    def forward(ctx, W, Y, K, end):
        n, N, C, dv = W.shape
        U, S = torch.empty_like(W), W.new_empty(n, N, Y.shape[-1], dv)
        S[0].zero_()
        decay = end[..., None, None]
        for i in range(n):
            torch.baddbmm(W[i], Y[i], S[i], alpha=-1, out=U[i])
            if i + 1 < n:
                torch.baddbmm(S[i] * decay[i], K[i].transpose(1, 2), U[i], out=S[i + 1])
        ctx.save_for_backward(Y, K, end, U, S)
        return U, S

    @staticmethod
    def backward(ctx, dU, dS):
        Y, K, end, U, S = ctx.saved_tensors
        n = len(Y)
        whole = torch.empty_like(U)  # the gradient of U_i with what comes to it through the state behind it
        after = torch.zeros_like(S)  # of the state behind chunk i
        for i in range(n - 1, -1, -1):
            torch.baddbmm(dU[i], K[i], after[i], out=whole[i])
            if i:
                torch.baddbmm(torch.addcmul(dS[i], after[i], end[i, :, None, None]), Y[i].transpose(1, 2), whole[i], alpha=-1, out=after[i - 1])
        return whole, -(whole @ S.transpose(2, 3)), U @ after.transpose(2, 3), (S * after).sum((2, 3))


def chunk_terms(q, k, v, g, beta, chunk):
    """What delta_rule needs of its chunks, from whole ones: of each the strictly lower triangle L and the right side of its system, A, q and k
    decayed to its ends, and its whole decay; the chunks lead."""
    B, H, T, _ = q.shape
    n = T // chunk
    q, k, v = (x.reshape(B, H, n, chunk, -1).permute(2, 0, 1, 3, 4).reshape(n, B * H, chunk, -1) for x in (q, k, v))
    g, beta = (x.reshape(B, H, n, chunk).permute(2, 0, 1, 3).reshape(n, B * H, chunk) for x in (g, beta))
    G = g.cumsum(-1)
    low = torch.ones(chunk, chunk, dtype=torch.bool, device=q.device).tril()
    decay = (G[..., :, None] - G[..., None, :]).masked_fill(~low, -1e4).exp()        # exp(G_i - G_j), j <= i
    L = ((k @ k.transpose(-1, -2)) * decay * beta[..., None]).masked_fill(~low.tril(-1), 0)
    rhs = torch.cat((v * beta[..., None], k * (beta * G.exp())[..., None]), -1)
    A = (q @ k.transpose(-1, -2)) * decay
    return L, rhs, A, q * G.exp()[..., None], k * (G[..., -1:] - G).exp()[..., None], G[..., -1].exp()


def delta_rule(q, k, v, g, beta, chunk=32):
    """Gated delta rule over T tokens from a zero state, in chunks (docs/MODEL.md 2.1).

    q, k: [B, H, T, dk] (q scaled, both normalised)  v: [B, H, T, dv]  g, beta: [B, H, T]  ->  [B, H, T, dv], all f32.
    """
    B, H, T, dk = q.shape
    pad = -T % chunk
    if pad:
        q, k, v = (F.pad(x, (0, 0, 0, pad)) for x in (q, k, v))
        g, beta = F.pad(g, (0, pad)), F.pad(beta, (0, pad))
    L, rhs, A, q_in, k_out, end = chunk_terms(q, k, v, g, beta, chunk)
    W, Y = (x.contiguous() for x in (UnitLowerInverse.apply(L) @ rhs).split((v.shape[-1], dk), -1))
    U, S = ChunkScan.apply(W, Y, k_out, end)
    out = q_in @ S + A @ U
    return out.view(-1, B, H, chunk, v.shape[-1]).permute(1, 2, 0, 3, 4).reshape(B, H, T + pad, -1)[:, :, :T]


class DeltaNet(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        K, V = c.n_k_heads * c.k_head_dim, c.n_v_heads * c.v_head_dim
        self.in_proj_qkv = nn.Linear(c.d_model, 2 * K + V, bias=False)
        self.in_proj_z = nn.Linear(c.d_model, V, bias=False)
        self.in_proj_b = nn.Linear(c.d_model, c.n_v_heads, bias=False)
        self.in_proj_a = nn.Linear(c.d_model, c.n_v_heads, bias=False)
        self.conv1d = nn.Conv1d(2 * K + V, 2 * K + V, c.conv_kernel, groups=2 * K + V, bias=False)
        self.A_log = nn.Parameter(torch.log(torch.empty(c.n_v_heads).uniform_(0.5, 8)))
        dt = torch.exp(torch.empty(c.n_v_heads).uniform_(math.log(1e-3), math.log(1e-1)))
        self.dt_bias = nn.Parameter(dt + torch.log(-torch.expm1(-dt)))  # softplus(dt_bias) = dt
        self.norm = nn.Module()
        self.norm.weight = nn.Parameter(torch.ones(c.v_head_dim))
        self.out_proj = nn.Linear(V, c.d_model, bias=False)

    def before(self, x):
        """x [B, T, d_model] -> what delta_rule takes, and the output's gate [B, T, H, dv], f32"""
        c = self.c
        B, T, _ = x.shape
        m = self.in_proj_qkv(x)
        w = self.conv1d.weight.to(m.dtype)  # [C, 1, kernel], the last tap is the present token
        past = F.pad(m, (0, 0, c.conv_kernel - 1, 0))
        m = F.silu(sum(past[:, j:j + T] * w[:, 0, j] for j in range(c.conv_kernel)))
        K, V = c.n_k_heads * c.k_head_dim, c.n_v_heads * c.v_head_dim
        q, k, v = m.float().split((K, K, V), -1)
        heads = lambda y, n: y.view(B, T, n, -1).transpose(1, 2)
        q, k, v = heads(q, c.n_k_heads), heads(k, c.n_k_heads), heads(v, c.n_v_heads)
        unit = lambda y: y * torch.rsqrt(y.square().sum(-1, keepdim=True) + 1e-6)
        q, k = unit(q) / math.sqrt(c.k_head_dim), unit(k)
        r = c.n_v_heads // c.n_k_heads
        if r > 1:
            q, k = q.repeat_interleave(r, 1), k.repeat_interleave(r, 1)
        beta = self.in_proj_b(x).float().sigmoid().transpose(1, 2)
        g = (-self.A_log.float().exp() * F.softplus(self.in_proj_a(x).float() + self.dt_bias)).transpose(1, 2)
        return q, k, v, g, beta, self.in_proj_z(x).view(B, T, c.n_v_heads, -1).float()

    def after(self, o, z):
        """o [B, H, T, dv], z as of before -> [B, T, d_model]"""
        y = rmsnorm(o.transpose(1, 2), self.norm.weight, self.c.eps) * F.silu(z)
        return self.out_proj(y.flatten(2))

    def forward(self, x):
        *inputs, z = self.before(x)
        with torch.autocast(x.device.type, enabled=False):
            o = delta_rule(*inputs)
        return self.after(o, z)


class GatedAttention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        Q, KV = c.n_heads * c.head_dim, c.n_kv_heads * c.head_dim
        self.q_proj = nn.Linear(c.d_model, 2 * Q, bias=False)
        self.k_proj = nn.Linear(c.d_model, KV, bias=False)
        self.v_proj = nn.Linear(c.d_model, KV, bias=False)
        self.o_proj = nn.Linear(Q, c.d_model, bias=False)
        self.q_norm, self.k_norm = CentredNorm(c.head_dim), CentredNorm(c.head_dim)

    def forward(self, x, cos, sin):
        c = self.c
        B, T, _ = x.shape
        q, gate = self.q_proj(x).view(B, T, c.n_heads, 2, c.head_dim).unbind(3)
        k = self.k_proj(x).view(B, T, c.n_kv_heads, c.head_dim)
        v = self.v_proj(x).view(B, T, c.n_kv_heads, c.head_dim).transpose(1, 2)
        q = rotate(self.q_norm(q).transpose(1, 2), cos, sin)
        k = rotate(self.k_norm(k).transpose(1, 2), cos, sin)
        r = c.n_heads // c.n_kv_heads
        k, v = k.repeat_interleave(r, 1), v.repeat_interleave(r, 1)
        o = attend(q, k, v, causal=True)
        o = o.transpose(1, 2).reshape(B, T, -1) * gate.reshape(B, T, -1).sigmoid()
        return self.o_proj(o)


class MLP(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.gate_proj = nn.Linear(c.d_model, c.d_ff, bias=False)
        self.up_proj = nn.Linear(c.d_model, c.d_ff, bias=False)
        self.down_proj = nn.Linear(c.d_ff, c.d_model, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, c, full):
        super().__init__()
        self.full = full
        if full:
            self.self_attn = GatedAttention(c)
        else:
            self.linear_attn = DeltaNet(c)
        self.mlp = MLP(c)
        self.input_layernorm, self.post_attention_layernorm = CentredNorm(c.d_model), CentredNorm(c.d_model)

    def forward(self, x, cos, sin):
        h = self.input_layernorm(x)
        x = x + (self.self_attn(h, cos, sin) if self.full else self.linear_attn(h))
        return x + self.mlp(self.post_attention_layernorm(x))


class VisionBlock(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads = c.v_heads
        self.norm1, self.norm2 = nn.LayerNorm(c.v_dim, eps=1e-6), nn.LayerNorm(c.v_dim, eps=1e-6)
        self.attn = nn.Module()
        self.attn.qkv = nn.Linear(c.v_dim, 3 * c.v_dim)
        self.attn.proj = nn.Linear(c.v_dim, c.v_dim)
        self.mlp = nn.Module()
        self.mlp.linear_fc1 = nn.Linear(c.v_dim, c.v_ff)
        self.mlp.linear_fc2 = nn.Linear(c.v_ff, c.v_dim)

    def forward(self, x, cos, sin):
        B, N, D = x.shape
        q, k, v = self.attn.qkv(self.norm1(x)).view(B, N, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        o = attend(rotate(q, cos, sin), rotate(k, cos, sin), v)
        x = x + self.attn.proj(o.transpose(1, 2).reshape(B, N, D))
        return x + self.mlp.linear_fc2(F.gelu(self.mlp.linear_fc1(self.norm2(x)), approximate='tanh'))


class Vision(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.patch_embed = nn.Module()
        self.patch_embed.proj = nn.Conv3d(3, c.v_dim, (2, 16, 16), (2, 16, 16))
        self.pos_embed = nn.Embedding(c.v_side ** 2, c.v_dim)
        self.blocks = nn.ModuleList(VisionBlock(c) for _ in range(c.v_depth))
        self.merger = nn.Module()
        self.merger.norm = nn.LayerNorm(c.v_dim, eps=1e-6)
        self.merger.linear_fc1 = nn.Linear(4 * c.v_dim, 4 * c.v_dim)
        self.merger.linear_fc2 = nn.Linear(4 * c.v_dim, c.d_model)
        self.tables = {}

    def table(self, gh, gw, device):
        """Per grid: corner indices [N, 4] and shares [N, 4] of the position table, cos and sin [N, head_dim/2]."""
        if (gh, gw) not in self.tables:
            rows = torch.arange(gh, device=device).view(gh // 2, 1, 2, 1).expand(gh // 2, gw // 2, 2, 2).reshape(-1)
            cols = torch.arange(gw, device=device).view(1, gw // 2, 1, 2).expand(gh // 2, gw // 2, 2, 2).reshape(-1)
            side = self.c.v_side

            def corner(i, n):
                x = i.float() * ((side - 1) / (n - 1) if n > 1 else 0)
                low = x.long().clamp(max=side - 1)
                return low, (low + 1).clamp(max=side - 1), x - low
            r0, r1, fr = corner(rows, gh)
            c0, c1, fc = corner(cols, gw)
            index = torch.stack((r0 * side + c0, r0 * side + c1, r1 * side + c0, r1 * side + c1), 1)
            share = torch.stack(((1 - fr) * (1 - fc), (1 - fr) * fc, fr * (1 - fc), fr * fc), 1)
            quarter = self.c.v_dim // self.c.v_heads // 4
            inv = 10000.0 ** (-torch.arange(quarter, device=device) / quarter)
            angle = torch.cat((rows[:, None] * inv, cols[:, None] * inv), 1)
            self.tables[gh, gw] = index, share, angle.cos(), angle.sin()
        return self.tables[gh, gw]

    def forward(self, pictures):
        """pictures: [B, 3, H, W] in -1..1  ->  [B, (H/32)(W/32), d_model]"""
        B, _, H, W = pictures.shape
        gh, gw = H // 16, W // 16
        x = pictures.view(B, 3, gh // 2, 2, 16, gw // 2, 2, 16).permute(0, 2, 5, 3, 6, 1, 4, 7).reshape(B, gh * gw, 768)
        w = self.patch_embed.proj.weight.sum(2).view(self.c.v_dim, 768)  # both frames of a still picture are equal
        index, share, cos, sin = self.table(gh, gw, pictures.device)
        position = (self.pos_embed(index) * share[..., None]).sum(1)
        x = F.linear(x, w, self.patch_embed.proj.bias) + position
        for b in self.blocks:
            x = b(x, cos, sin)
        x = self.merger.norm(x).view(B, gh * gw // 4, -1)
        return self.merger.linear_fc2(F.gelu(self.merger.linear_fc1(x)))


def compiled():
    """Has PyTorch fuse what lies between the products of a layer, one program for all sizes. The delta rule stays as it is: compiling its
    reshapes for all lengths at once takes minutes."""
    torch._dynamo.config.suppress_errors = True  # what cannot be compiled runs as it is
    for kind, name in ((VisionBlock, 'forward'), (GatedAttention, 'forward'), (DeltaNet, 'before'), (DeltaNet, 'after'), (MLP, 'forward')):
        setattr(kind, name, torch.compile(getattr(kind, name), dynamic=True))


def eager():
    """Context in which nothing is compiled: answers grow by a token at a time."""
    stance = getattr(getattr(torch, 'compiler', None), 'set_stance', None)
    return stance('force_eager') if stance else contextlib.nullcontext()


class MTP(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.fc = nn.Linear(2 * c.d_model, c.d_model, bias=False)
        self.pre_fc_norm_embedding, self.pre_fc_norm_hidden, self.norm = (CentredNorm(c.d_model) for _ in range(3))
        self.layers = nn.ModuleList([Layer(c, True)])


class Model(nn.Module):
    """Parameters as in the published checkpoint: model.language_model.*, model.visual.*, mtp.*"""

    def __init__(self, c):
        super().__init__()
        self.c = c
        self.model = nn.Module()
        text = self.model.language_model = nn.Module()
        text.embed_tokens = nn.Embedding(c.vocab, c.d_model)
        text.layers = nn.ModuleList(Layer(c, c.is_full(i)) for i in range(c.n_layers))
        text.norm = CentredNorm(c.d_model)
        self.model.visual = Vision(c)
        self.mtp = MTP(c)
        self.angles = {}
        self.init()

    def init(self):
        depth = 2 * self.c.n_layers
        for name, p in self.named_parameters():
            if 'conv1d' in name:
                nn.init.uniform_(p, -0.5, 0.5)
            elif p.ndim >= 2 and 'pos_embed' not in name and 'embed_tokens' not in name:
                std = 1 / math.sqrt(p[0].numel())
                if name.endswith(('o_proj.weight', 'out_proj.weight', 'down_proj.weight', 'attn.proj.weight', 'linear_fc2.weight')) and 'merger' not in name:
                    std /= math.sqrt(depth)
                nn.init.normal_(p, 0, std)
            elif 'embed' in name and p.ndim == 2:
                nn.init.normal_(p, 0, 0.02)
            elif name.endswith('bias') and 'dt_bias' not in name:
                nn.init.zeros_(p)

    def rope(self, T, first, gh, gw, device):
        """cos, sin [T, n] for a prompt whose picture (merged grid gh x gw) begins at index `first`."""
        key = T, first, gh, gw
        if key not in self.angles:
            if len(self.angles) > 4096:
                self.angles.clear()
            self.angles[key] = self.rope_of(*key, device)
        return self.angles[key]

    def rope_of(self, T, first, gh, gw, device):
        c = self.c
        i = torch.arange(T, device=device)
        n = gh * gw
        inside = (i >= first) & (i < first + n)
        k = (i - first).clamp(0, n - 1)
        after = torch.where(i >= first + n, i - n + max(gh, gw), i)
        t = torch.where(inside, first, after)
        h = torch.where(inside, first + k // gw, after)
        w = torch.where(inside, first + k % gw, after)
        half = int(c.head_dim * c.rotary_factor) // 2
        inv = c.theta ** (-torch.arange(half, device=device) / half)
        j = torch.arange(half, device=device)
        axis = torch.where((j % 3 == 1) & (j < 3 * c.sections[1]), 1, torch.where((j % 3 == 2) & (j < 3 * c.sections[2]), 2, 0))
        angle = torch.stack((t, h, w)).float()[axis].T * inv
        return angle.cos(), angle.sin()

    def embed(self, ids, rows, first):
        """ids: [B, T]  rows: [B, n, D] of the picture  ->  [B, T, D], the rows in the place of the image pads"""
        x = self.model.language_model.embed_tokens(ids)
        assert first + rows.shape[1] < x.shape[1], f'{rows.shape[1]} image tokens from {first} do not fit into {x.shape[1]}'
        return torch.cat((x[:, :first], rows.to(x.dtype), x[:, first + rows.shape[1]:]), 1)

    def hidden(self, x, cos, sin):
        for layer in self.model.language_model.layers:
            x = layer(x, cos, sin)
        return self.model.language_model.norm(x)

    def forward(self, ids, pictures, first):
        """ids: [B, T] with the image pads in place  ->  hidden states [B, T, D] behind the final norm, embeddings [B, T, D]"""
        rows = self.model.visual(pictures)
        return self.read_rows(ids, rows, pictures.shape[2] // 32, pictures.shape[3] // 32, first)

    def read_rows(self, ids, rows, gh, gw, first):
        """As forward, from the tower's rows [B, gh gw, D]."""
        cos, sin = self.rope(ids.shape[1], first, gh, gw, ids.device)
        x = self.embed(ids, rows, first)
        return self.hidden(x, cos, sin), x, cos, sin

    def predict_next(self, h, e, cos, sin):
        """MTP: from h_i and the embedding of token i+1, the state that predicts token i+2."""
        m = self.mtp
        x = m.fc(torch.cat((m.pre_fc_norm_embedding(e[:, 1:]), m.pre_fc_norm_hidden(h[:, :-1])), -1))
        return m.norm(m.layers[0](x, cos[:-1], sin[:-1]))

    def logits(self, h):
        return F.linear(h, self.model.language_model.embed_tokens.weight)
