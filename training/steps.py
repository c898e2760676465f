"""Steps recorded as CUDA graphs: a step starts some three thousand kernels, which takes the processor longer than the GPU takes to run them."""
import collections

import torch


class Recorded:
    """A function without arguments that does the same on the same memory each time: run `first` times as it is, then recorded, then replayed."""

    def __init__(self, run, first, pool=None):
        self.run, self.left, self.pool, self.graph, self.result = run, first, pool, None, None

    def __call__(self):
        if self.left:
            self.left -= 1
            return self.run()
        if not self.graph:
            self.graph = torch.cuda.CUDAGraph()
            # thread_local: the loader's thread may take pinned memory meanwhile. Not `with torch.cuda.graph`, which would give the cached
            # memory back each time.
            self.graph.capture_begin(*([self.pool] if self.pool else []), capture_error_mode='thread_local')
            try:
                self.result = self.run()
            finally:
                self.graph.capture_end()
        self.graph.replay()
        return self.result


class Steps:
    """Losses and gradients of batches, one recording for each shape of batch that comes again.

    The recordings share their memory, and their batches lie in one arena: they run one after the other. What changes from step to step
    without changing shapes (the share `dense`) lies in the GPU's memory too.
    """

    def __init__(self, device, losses, tokens, most):
        """losses(batch, dense, alone)  ->  row of figures, having called backward()
        tokens: size of a batch, from which the arena is made; most: recordings, none with 0"""
        self.device, self.losses, self.most = device, losses, most if device.type == 'cuda' else 0
        self.dense = torch.zeros((), device=device)
        self.seen, self.recorded, self.arena = collections.Counter(), {}, {}
        if self.most:
            self.pool = torch.cuda.graph_pool_handle()
            room = lambda n, dtype: torch.empty(n, dtype=dtype, device=device)
            tokens = int(tokens * 1.1) + 8192  # what rounding adds
            self.arena = {'pictures': room(tokens * 3 // 2 * 768, torch.float32), 'marks': room(tokens * 12, torch.uint8), 'ids': room(tokens, torch.int64)}
            self.arena.update({name: room(tokens, torch.float32 if 'share' in name else torch.int64)
                               for name in ('at', 'want', 'share', 'at_next', 'want_next', 'share_next')})

    def placed(self, batch):
        """The batch in the arena, or None when it is too large for it."""
        tensors = {name: x for name, x in batch._asdict().items() if torch.is_tensor(x)}
        if any(x.numel() > self.arena[name].numel() for name, x in tensors.items()):
            return None
        return batch._replace(**{name: self.arena[name][:x.numel()].view(x.shape).copy_(x, non_blocking=True) for name, x in tensors.items()})

    def moved(self, batch):
        return batch._replace(**{name: x.to(self.device, non_blocking=True) for name, x in batch._asdict().items() if torch.is_tensor(x)})

    def __call__(self, batch, dense, alone):
        """batch: damaged pictures on the device, the rest there or in pinned memory  ->  row of figures; gradients are added to the parameters'"""
        self.dense.fill_(dense)
        key = (batch.task, alone, batch.pictures.shape, batch.ids.shape, len(batch.at), len(batch.at_next))
        self.seen[key] += 1
        # The first time compiles what is new; shapes that never come again are not worth a recording.
        if key in self.recorded or (self.seen[key] > 1 and len(self.recorded) < self.most):
            there = self.placed(batch)
            if there:
                if key not in self.recorded:
                    self.recorded[key] = Recorded(lambda: self.losses(there, self.dense, alone), 0, self.pool)
                return self.recorded[key]()
        return self.losses(self.moved(batch), self.dense, alone)
