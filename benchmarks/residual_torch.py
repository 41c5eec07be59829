"""The PyTorch contestant of `benchmarks.residual`: takes steps for each line of input.

It has the networks of `keras_gan.networks.residual` and the step of Huang et al. 2024
with the penalty in every fourth update. It prints the numbers of parameters first, and
for each line the seconds of processor time that its steps took.
"""

import copy
import itertools
import sys
import time

import torch
from torch import nn
from torch.nn import functional

side, batch_size, steps, base, most, latent_dim, full = map(int, sys.argv[1:])
torch.set_num_threads(1)
GAMMA, INTERVAL, DECAY = 0.1, 4, 0.999

start, maps = side, [base]
while start > 4:
    start //= 2
    maps.insert(0, min(most, 2 * maps[0]))
if not full:
    maps = [min(most, base * 2**i) for i in reversed(range(len(maps) - 1))]


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        half = channels // 2
        self.layers = nn.Sequential(
            nn.Conv2d(channels, half, 1),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(half, half, 3, padding=1),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(half, channels, 1, bias=False),
        )

    def forward(self, x):
        return x + self.layers(x)


class Halve(nn.Module):
    def __init__(self, channels):
        super().__init__()
        line = torch.tensor([1.0, 3, 3, 1]) / 8
        kernel = torch.outer(line, line).expand(channels, 1, 4, 4).contiguous()
        self.register_buffer("kernel", kernel, persistent=False)

    def forward(self, x):
        return functional.conv2d(x, self.kernel, None, 2, 1, 1, x.shape[1])


class Start(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(latent_dim, start**2 * maps[0], bias=False)

    def forward(self, latent):
        return self.dense(latent).unflatten(1, (maps[0], start, start))


def convolution(before, after, size=1):
    return nn.Conv2d(before, after, size, padding=size // 2, bias=False)


def transition(before, after):
    return [convolution(before, after)] if before != after else []


def generator():
    layers = [Start(), Block(maps[0])]
    for before, after in itertools.pairwise(maps):
        layers += transition(before, after)
        layers.append(nn.Upsample(scale_factor=2, mode="bilinear"))
        layers.append(Block(after))
    if full:
        layers.append(convolution(maps[-1], 3))
    else:
        layers += [convolution(maps[-1], 12, 3), nn.PixelShuffle(2)]
    return nn.Sequential(*layers, nn.Tanh())


def discriminator():
    if full:
        layers = [convolution(3, maps[-1])]
    else:
        layers = [nn.Conv2d(3, maps[-1], 4, 2, 1, bias=False)]
    layers.append(Block(maps[-1]))
    for before, after in itertools.pairwise(maps[::-1]):
        layers += [Halve(before), *transition(before, after), Block(after)]
    collect = nn.Conv2d(maps[0], maps[0], start, groups=maps[0], bias=False)
    last = nn.Linear(maps[0], 1, bias=False)
    return nn.Sequential(*layers, collect, nn.Flatten(), last)


net_g, net_d = generator(), discriminator()
average = copy.deepcopy(net_g).requires_grad_(False)
optimizer_g, optimizer_d = (
    torch.optim.Adam(network.parameters(), lr=1e-3, betas=(0.0, 0.99), eps=1e-8)
    for network in (net_g, net_d)
)
real = torch.rand(batch_size, 3, side, side) * 2 - 1


def squared_norms(images):
    images = images.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(net_d(images).sum(), images, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()


def step(number):
    fake = net_g(torch.randn(batch_size, latent_dim))
    net_d.requires_grad_(True)
    optimizer_d.zero_grad()
    logits = net_d(real) - net_d(fake.detach())
    loss = functional.softplus(-logits).mean()
    if number % INTERVAL == 0:
        norms = squared_norms(real) + squared_norms(fake)
        loss = loss + INTERVAL * GAMMA / 2 * norms
    loss.backward()
    optimizer_d.step()
    net_d.requires_grad_(False)
    optimizer_g.zero_grad()
    with torch.no_grad():
        of_real = net_d(real)
    functional.softplus(of_real - net_d(fake)).mean().backward()
    optimizer_g.step()
    with torch.no_grad():
        means, weights = (list(n.parameters()) for n in (average, net_g))
        torch._foreach_lerp_(means, weights, 1 - DECAY)


print(*(sum(p.numel() for p in n.parameters()) for n in (net_g, net_d)), flush=True)
for _ in sys.stdin:
    begin = time.process_time()
    for number in range(steps):
        step(number)
    print(time.process_time() - begin, flush=True)
