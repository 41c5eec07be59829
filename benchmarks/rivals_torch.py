"""The PyTorch contestant of `benchmarks.rivals`: takes steps for each line of input.

It is written in the style of PyTorch's DCGAN example, and prints the number of
parameters first.
"""

import itertools
import sys

import torch
from torch import nn

height, width, channels, batch_size, steps, filters, latent_dim, threads = map(
    int, sys.argv[1:]
)
torch.set_num_threads(threads)

stages = 0
while height % 2 ** (stages + 1) == 0 and height // 2 ** (stages + 1) >= 4:
    stages += 1
start = height // 2**stages
sizes = [filters * 2 ** min(i, 3) for i in reversed(range(stages))]


def generator():
    layers = [
        nn.Linear(latent_dim, start * start * sizes[0], bias=False),
        nn.BatchNorm1d(start * start * sizes[0]),
        nn.ReLU(True),
        nn.Unflatten(1, (sizes[0], start, start)),
    ]
    for before, after in itertools.pairwise(sizes):
        layers += [
            nn.ConvTranspose2d(before, after, 5, 2, 2, output_padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(True),
        ]
    last = nn.ConvTranspose2d(sizes[-1], channels, 5, 2, 2, 1, bias=False)
    return nn.Sequential(*layers, last, nn.Tanh())


def discriminator():
    layers = []
    before = channels
    for i, after in enumerate(reversed(sizes)):
        layers.append(nn.Conv2d(before, after, 5, 2, 2, bias=False))
        if i:
            layers.append(nn.BatchNorm2d(after))
        layers.append(nn.LeakyReLU(0.2, inplace=True))
        before = after
    layers += [nn.Flatten(), nn.Linear(start * start * sizes[0], 1, bias=False)]
    return nn.Sequential(*layers)


net_g, net_d = generator(), discriminator()
criterion = nn.BCEWithLogitsLoss()
optimizer_d = torch.optim.Adam(net_d.parameters(), lr=2e-4, betas=(0.5, 0.999))
optimizer_g = torch.optim.Adam(net_g.parameters(), lr=2e-4, betas=(0.5, 0.999))
real = torch.rand(batch_size, channels, height, width) * 2 - 1
ones, zeros = torch.ones(batch_size, 1), torch.zeros(batch_size, 1)


def step():
    net_d.zero_grad()
    output = net_d(real)
    error_real = criterion(output, ones)
    error_real.backward()
    output.mean().item()
    fake = net_g(torch.randn(batch_size, latent_dim))
    output = net_d(fake.detach())
    error_fake = criterion(output, zeros)
    error_fake.backward()
    output.mean().item()
    optimizer_d.step()
    net_g.zero_grad()
    output = net_d(fake)
    error_g = criterion(output, ones)
    error_g.backward()
    optimizer_g.step()
    return error_real.item() + error_fake.item() + error_g.item()


networks = net_g, net_d
print(sum(p.numel() for network in networks for p in network.parameters()), flush=True)
for _ in sys.stdin:
    for _ in range(steps):
        step()
    print("done", flush=True)
