"""One optimiser step over all GPUs that a bad batch cannot spoil."""
import collections
import math

import torch
import torch.distributed as dist

from steps import Recorded


class Guard:
    """Gradients in one row: one sum over the GPUs, one norm. What follows from the figures is the same on every GPU.

    A step whose gradient is not finite counts as zero. When steps stay bad, the weights and the optimiser's state of an earlier time
    come back and the learning rate is halved (`calm`).
    """

    CLIP, EVERY, PATIENCE = 1.0, 200, 12

    def __init__(self, optimizer, n_stats, n_kinds, world, device):
        self.optimizer, self.world, self.device = optimizer, world, device
        params = optimizer.params
        self.n_kinds = n_kinds
        self.n = sum(p.numel() for p in params)
        self.flat = torch.zeros(self.n + n_stats, device=device)
        self.row = torch.zeros(1 + n_stats, device=device)
        self.apply = Recorded(self.take, 3) if device.type == 'cuda' else self.take
        at = 0
        for p in params:
            p.grad = self.flat[at:at + p.numel()].view_as(p)
            at += p.numel()
        self.pending, self.kept = collections.deque(), collections.deque(maxlen=2)
        self.calm, self.skipped, self.bad, self.healthy, self.usual = 1.0, 0, 0, 0, {}

    def clear(self):
        self.flat.zero_()

    def anew(self):
        """What was usual is so no more: other losses from here on."""
        self.usual.clear()

    @torch.no_grad()
    def step(self, told, progress):
        """told: [n_stats - 1] figures of this GPU's batch; behind backward()."""
        self.flat[self.n:-1] = told.detach()
        self.flat[-1] = progress
        if self.world > 1:
            dist.all_reduce(self.flat)
        self.apply()
        row = self.row.clone()
        if self.device.type == 'cuda':  # read two steps later, so that the GPU never waits
            host = torch.empty(row.shape, pin_memory=True)
            host.copy_(row, non_blocking=True)
            event = torch.cuda.Event()
            event.record()
            self.pending.append((host, event))
        else:
            self.pending.append((row, None))

    def take(self):
        """Clips the sum of the gradients and takes the step; row: norm and figures."""
        grads = self.flat[:self.n]
        norm = grads.norm() / self.world
        # where, not a product: zero times infinity is not zero
        scale = torch.where(torch.isfinite(norm), (self.CLIP / norm.clamp(min=self.CLIP)) / self.world, torch.zeros_like(norm))
        torch.nan_to_num(grads, nan=0.0, posinf=0.0, neginf=0.0, out=grads)
        grads.mul_(scale)
        self.optimizer.step()
        self.row[0] = norm
        self.row[1:] = self.flat[self.n:]

    def finished(self):
        """Yields (norm, figures summed over the GPUs) of steps that are done; looks after the run's health."""
        while len(self.pending) > 2:
            host, event = self.pending.popleft()
            if event:
                event.synchronize()
            norm, *values = host.tolist()
            self.watch(norm, values)
            yield norm, values

    def watch(self, norm, values):
        """values begin with (loss, right, found, batches) of each kind of pictures."""
        good = math.isfinite(norm) and math.isfinite(sum(values))
        self.skipped += not good
        for kind in range(0, 4 * self.n_kinds, 4):
            if good and values[kind + 3]:
                loss = values[kind] / values[kind + 3]
                usual = self.usual.get(kind, loss)
                good = loss < 2 * usual + 1.5
                self.usual[kind] = usual + 0.02 * (min(loss, 2 * usual + 1.5) - usual)
        self.bad = self.bad + 1 if not good else max(0, self.bad - 0.5)
        self.healthy = self.healthy + 1 if good and self.bad == 0 else 0
        if self.bad >= self.PATIENCE:
            self.restore()
        elif self.healthy >= self.EVERY:
            self.keep()

    @torch.no_grad()
    def keep(self):
        self.healthy = 0
        self.kept.append([x.detach().clone() for x in self.optimizer.tensors()])

    @torch.no_grad()
    def restore(self):
        self.bad = self.healthy = 0
        self.calm *= 0.5
        self.usual.clear()
        if self.kept:
            for x, saved in zip(self.optimizer.tensors(), self.kept[0]):
                x.copy_(saved)
            print(f'steps stayed bad: weights of an earlier time, learning rate times {self.calm}', flush=True)
