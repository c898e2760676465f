"""The optimiser: Muon for the matrices between the layers, AdamW for everything else."""
import torch


def orthogonal(g, steps=5):
    """The nearest matrix with singular values of about 1, for a stack [n, r, c] with r <= c, in bf16.

    Newton and Schulz's iteration with the quintic whose coefficients Keller Jordan published for Muon (2024): values between 0 and 1 end
    between 0.7 and 1.2, which is near enough.
    """
    x = g.to(torch.bfloat16 if g.is_cuda else torch.float32)
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        a = x @ x.transpose(1, 2)
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * (a @ a)) @ x
    return x


class Muon:
    """Steps of orthogonal matrices, scaled so that the learning rate of AdamW fits (their elements' root mean square is 0.2).

    Matrices of one shape go through the iteration together. A matrix of three times as many rows as columns that stacks queries, keys and values
    counts as three.
    """

    def __init__(self, modules, lr, momentum=0.95, decay=0.05):
        """modules: of named parameters. Embeddings, heads, biases, norms and the smallest matrices are AdamW's."""
        self.momentum, self.decay = momentum, decay
        named = [(name, p) for m in modules for name, p in m.named_parameters()]
        self.params = [p for _, p in named]
        hidden = lambda name, p: p.ndim == 2 and min(p.shape) >= 64 and not any(x in name for x in ('embed', 'out.weight'))
        groups = {}
        for name, p in named:
            if hidden(name, p):
                parts = 3 if 'qkv' in name and p.shape[0] % 3 == 0 else 1
                groups.setdefault((parts, p.shape), []).append(p)
        self.groups = [(parts, ps, torch.zeros(len(ps), *ps[0].shape, device=ps[0].device)) for (parts, _), ps in groups.items()]
        rest = [p for name, p in named if not hidden(name, p)]
        cuda = self.params[0].is_cuda
        # On a GPU the rate lies in its memory, so that a recorded step (steps.py) takes the present one.
        self.lr = torch.tensor(lr, device=self.params[0].device) if cuda else lr
        self.adam = torch.optim.AdamW([{'params': [p for p in rest if p.ndim >= 2], 'weight_decay': decay},
                                       {'params': [p for p in rest if p.ndim < 2], 'weight_decay': 0}], lr=self.lr, betas=(0.9, 0.95),
                                      **({'fused': True, 'capturable': True} if cuda else {}))

    def rate(self, lr):
        if torch.is_tensor(self.lr):
            self.lr.fill_(lr)
            return
        self.lr = lr
        for g in self.adam.param_groups:
            g['lr'] = lr

    @torch.no_grad()
    def step(self):
        self.adam.step()
        for parts, ps, momentum in self.groups:
            g = torch.stack([p.grad for p in ps])
            momentum.lerp_(g, 1 - self.momentum)
            g.lerp_(momentum, self.momentum)  # Nesterov's
            rows, columns = ps[0].shape[0] // parts, ps[0].shape[1]
            g = g.view(-1, rows, columns)
            update = orthogonal(g.transpose(1, 2)).transpose(1, 2) if rows > columns else orthogonal(g)
            update = update.to(ps[0].dtype).reshape(len(ps), parts * rows, columns) * (0.2 * max(rows, columns) ** 0.5 * self.lr)
            torch._foreach_mul_(ps, 1 - self.lr * self.decay)
            torch._foreach_sub_(ps, update.unbind())

    def tensors(self):
        """The parameters and what the optimiser remembers of them, once it has stepped."""
        out = self.params + [momentum for _, _, momentum in self.groups]
        for s in self.adam.state.values():
            out += [s['exp_avg'], s['exp_avg_sq']]
        return out
