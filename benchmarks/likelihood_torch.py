"""The PyTorch contestant of `benchmarks.likelihood`.

For each line of input it takes some steps on one batch, trains an epoch, or tells the
bound of the test images. It prints the number of parameters first.
"""

import math
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional

batch_size, samples = map(int, sys.argv[1:3])
torch.set_num_threads(1)
torch.manual_seed(0)
# Levels, as they are in the files: an eighth of the memory of floats.
train, test = (torch.from_numpy(np.load(f).reshape(-1, 784)) for f in sys.argv[3:])


def linear(inputs, outputs):
    layer = nn.Linear(inputs, outputs)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


trunk = nn.Sequential(linear(784, 200), nn.Tanh(), linear(200, 200), nn.Tanh())
to_mean, to_log_variance = linear(200, 50), linear(200, 50)
decoder = nn.Sequential(
    linear(50, 200), nn.Tanh(), linear(200, 200), nn.Tanh(), linear(200, 784)
)
mean_image = (train.float().mean(dim=0) / 255).clamp(1e-4, 1 - 1e-4)
with torch.no_grad():
    decoder[-1].bias.copy_(torch.log(mean_image / (1 - mean_image)))
networks = nn.ModuleList([trunk, to_mean, to_log_variance, decoder])
optimizer = torch.optim.Adam(networks.parameters(), lr=1e-3, eps=1e-4)


def bound(levels):
    x = torch.bernoulli(levels.float() / 255)
    h = trunk(x)
    mean, log_variance = to_mean(h), to_log_variance(h)
    if samples > 1:
        x, mean, log_variance = (
            t.repeat_interleave(samples, 0) for t in (x, mean, log_variance)
        )
    noise = torch.randn_like(mean)
    z = mean + torch.exp(log_variance / 2) * noise
    log_p = -functional.binary_cross_entropy_with_logits(
        decoder(z), x, reduction="none"
    ).sum(1)
    if samples == 1:
        divergence = (mean**2 + log_variance.exp() - log_variance - 1).sum(1) / 2
        return (log_p - divergence).mean()
    log_w = log_p - (z**2 - noise**2 - log_variance).sum(1) / 2
    return (log_w.view(-1, samples).logsumexp(1) - math.log(samples)).mean()


def step(levels):
    optimizer.zero_grad()
    loss = -bound(levels)
    loss.backward()
    optimizer.step()
    return loss


print(sum(p.numel() for p in networks.parameters()), flush=True)
for line in sys.stdin:
    what, *count = line.split()
    answer = 0.0
    if what == "steps":
        for _ in range(int(count[0])):
            answer = step(train[:batch_size]).item()
    elif what == "epoch":
        for rows in torch.randperm(len(train)).split(batch_size):
            step(train[rows])
    else:
        with torch.no_grad():
            parts = test.split(batch_size)
            answer = sum(bound(part).item() for part in parts) / len(parts)
    print(answer, flush=True)
