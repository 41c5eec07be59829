"""The PyTorch contestant of `benchmarks.translation`: pix2pix and CycleGAN.

Networks and steps are those of the authors' PyTorch code. It prints the number of
parameters of each network first, and one number for each line of
input:

    steps N             takes N steps on one batch, gives their processor seconds
    train SECONDS       trains until SECONDS of processor time, gives the steps so far
    translate IN OUT    translates uint8 images of one file to another (.npy)
"""

import argparse
import copy
import itertools
import random
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional


def normalization(kind, channels):
    """Returns the layers of a normalization; instance norm has no weights."""
    if kind is None:
        return []
    if kind == "batch":
        return [nn.BatchNorm2d(channels)]
    return [nn.InstanceNorm2d(channels)]


class UNet(nn.Module):
    """The generator of pix2pix; as in the Lua code, dropout follows the first ups."""

    def __init__(self, inputs, outputs, filters, depth, skips=True, dropout=0.5):
        super().__init__()
        widths = [filters * min(2**i, 8) for i in range(depth)]
        self.downs, self.ups = nn.ModuleList(), nn.ModuleList()
        before = inputs
        for i, width in enumerate(widths):
            normed = 0 < i < depth - 1
            layers = [nn.LeakyReLU(0.2)] if i else []
            layers.append(nn.Conv2d(before, width, 4, 2, 1, bias=False))
            if normed:
                layers.append(nn.BatchNorm2d(width))
            self.downs.append(nn.Sequential(*layers))
            before = width
        for i, width in enumerate([*widths[-2::-1], outputs]):
            last = i == depth - 1
            conv = nn.ConvTranspose2d(before, width, 4, 2, 1, bias=last)
            layers = [nn.ReLU(), conv]
            layers += [nn.Tanh()] if last else [nn.BatchNorm2d(width)]
            if i < 3 and not last and dropout:
                layers.append(nn.Dropout(dropout))
            self.ups.append(nn.Sequential(*layers))
            before = 2 * width if skips else width
        self.skips = skips

    def forward(self, x):
        features = []
        for down in self.downs:
            x = down(x)
            features.append(x)
        features.pop()
        for up in self.ups:
            x = up(x)
            if self.skips and features:
                x = torch.cat([features.pop(), x], 1)
        return x


def patch_discriminator(inputs, filters, layers, kind):
    """Returns the discriminator of patches, of single pixels for 0 layers."""
    bias = kind != "batch"
    if layers == 0:
        return nn.Sequential(
            nn.Conv2d(inputs, filters, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(filters, 2 * filters, 1, bias=bias),
            *normalization(kind, 2 * filters),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * filters, 1, 1, bias=bias),
        )
    parts = [nn.Conv2d(inputs, filters, 4, 2, 1), nn.LeakyReLU(0.2)]
    before = filters
    for i in range(1, layers + 1):
        width = filters * min(2**i, 8)
        stride = 2 if i < layers else 1
        parts.append(nn.Conv2d(before, width, 4, stride, 1, bias=bias))
        parts += [*normalization(kind, width), nn.LeakyReLU(0.2)]
        before = width
    return nn.Sequential(*parts, nn.Conv2d(before, 1, 4, 1, 1))


class Block(nn.Module):
    """A residual block of CycleGAN's generator."""

    def __init__(self, width):
        super().__init__()
        self.branch = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, width, 3),
            nn.InstanceNorm2d(width),
            nn.ReLU(),
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, width, 3),
            nn.InstanceNorm2d(width),
        )

    def forward(self, x):
        return x + self.branch(x)


def residual_translator(inputs, outputs, filters, blocks):
    """Returns the generator of CycleGAN."""

    def normed(conv, width):
        return [conv, nn.InstanceNorm2d(width), nn.ReLU()]

    w = [filters, 2 * filters, 4 * filters]
    return nn.Sequential(
        nn.ReflectionPad2d(3),
        *normed(nn.Conv2d(inputs, w[0], 7), w[0]),
        *normed(nn.Conv2d(w[0], w[1], 3, 2, 1), w[1]),
        *normed(nn.Conv2d(w[1], w[2], 3, 2, 1), w[2]),
        *[Block(w[2]) for _ in range(blocks)],
        *normed(nn.ConvTranspose2d(w[2], w[1], 3, 2, 1, 1), w[1]),
        *normed(nn.ConvTranspose2d(w[1], w[0], 3, 2, 1, 1), w[0]),
        nn.ReflectionPad2d(3),
        nn.Conv2d(w[0], outputs, 7),
        nn.Tanh(),
    )


def initialize(network):
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1, 0.02)
    return network


def adam(networks, rate):
    parameters = itertools.chain(*(network.parameters() for network in networks))
    return torch.optim.Adam(parameters, lr=rate, betas=(0.5, 0.999))


def freeze(networks, frozen):
    for network in networks:
        network.requires_grad_(not frozen)


class Pix2Pix:
    def __init__(self, options):
        self.generator = initialize(UNet(3, 3, options.filters, options.depth))
        self.discriminator = initialize(
            patch_discriminator(6, options.filters, options.layers, "batch")
        )
        self.networks = self.generator, self.discriminator
        self.g_optimizer = adam([self.generator], options.rate)
        self.d_optimizer = adam([self.discriminator], options.rate)

    def judge(self, source, image, real):
        logits = self.discriminator(torch.cat([source, image], 1))
        target = torch.full_like(logits, real)
        return functional.binary_cross_entropy_with_logits(logits, target)

    def step(self, source, target):
        fake = self.generator(source)
        freeze([self.discriminator], False)
        self.d_optimizer.zero_grad()
        of_fake = self.judge(source, fake.detach(), 0.0)
        loss = (of_fake + self.judge(source, target, 1.0)) / 2
        loss.backward()
        self.d_optimizer.step()
        freeze([self.discriminator], True)
        self.g_optimizer.zero_grad()
        l1 = functional.l1_loss(fake, target)
        loss = self.judge(source, fake, 1.0) + 100 * l1
        loss.backward()
        self.g_optimizer.step()
        return loss


class Pool:
    def __init__(self, size):
        self.size, self.images = size, []

    def __call__(self, batch):
        returned = []
        for image in batch:
            if len(self.images) < self.size:
                self.images.append(image.clone())
            elif random.random() < 0.5:
                i = random.randrange(self.size)
                self.images[i], image = image.clone(), self.images[i]
            returned.append(image)
        return torch.stack(returned)


class CycleGAN:
    def __init__(self, options):
        f = options.filters
        self.to_b, self.to_a = (
            initialize(residual_translator(3, 3, f, options.blocks)) for _ in "ab"
        )
        self.judge_a, self.judge_b = (
            initialize(patch_discriminator(3, f, options.layers, "instance"))
            for _ in "ab"
        )
        self.networks = self.to_b, self.to_a, self.judge_a, self.judge_b
        self.g_optimizer = adam(self.networks[:2], options.rate)
        self.d_optimizer = adam(self.networks[2:], options.rate)
        self.pool_a, self.pool_b = Pool(50), Pool(50)

    @staticmethod
    def least_squares(judge, image, real):
        logits = judge(image)
        return functional.mse_loss(logits, torch.full_like(logits, real))

    def step(self, a, b):
        l1, squares = functional.l1_loss, self.least_squares
        fake_b, fake_a = self.to_b(a), self.to_a(b)
        back_a, back_b = self.to_a(fake_b), self.to_b(fake_a)
        freeze(self.networks[2:], True)
        self.g_optimizer.zero_grad()
        loss = 5 * (l1(self.to_b(b), b) + l1(self.to_a(a), a))
        loss = loss + squares(self.judge_b, fake_b, 1.0)
        loss = loss + squares(self.judge_a, fake_a, 1.0)
        loss = loss + 10 * (l1(back_a, a) + l1(back_b, b))
        loss.backward()
        self.g_optimizer.step()
        freeze(self.networks[2:], False)
        self.d_optimizer.zero_grad()
        for judge, real, fake in (
            (self.judge_b, b, self.pool_b(fake_b.detach())),
            (self.judge_a, a, self.pool_a(fake_a.detach())),
        ):
            of_both = squares(judge, real, 1.0) + squares(judge, fake, 0.0)
            (of_both / 2).backward()
        self.d_optimizer.step()
        return loss


class Pictures:
    """Draws training batches: random windows and flips of pictures in memory.

    Args:
        file: .npz with `source` and `target`, uint8 [pairs, H, W, 3].
        size: side of the windows.
        paired: whether the rows of the two belong together.
    """

    def __init__(self, file, size, paired):
        arrays = np.load(file)
        self.parts = [torch.from_numpy(arrays[name]) for name in ("source", "target")]
        self.size, self.paired = size, paired
        self.rows = [[], []]

    def batch(self, count):
        return (
            [self._part(i, count) for i in range(2)]
            if not self.paired
            else (self._pairs(count))
        )

    def _next(self, i):
        if not self.rows[i]:
            self.rows[i] = torch.randperm(len(self.parts[i])).tolist()
        return self.rows[i].pop()

    def _window(self, image, where):
        top, left, flip = where
        image = image[top : top + self.size, left : left + self.size]
        return image.flip(1) if flip else image

    def _where(self, image):
        free = image.shape[0] - self.size, image.shape[1] - self.size
        return *(random.randint(0, most) for most in free), random.random() < 0.5

    def _pairs(self, count):
        found = [[], []]
        for _ in range(count):
            row = self._next(0)
            where = self._where(self.parts[0][row])
            for images, part in zip(found, self.parts, strict=True):
                images.append(self._window(part[row], where))
        return [to_values(torch.stack(images)) for images in found]

    def _part(self, i, count):
        rows = [self.parts[i][self._next(i)] for _ in range(count)]
        return to_values(
            torch.stack([self._window(row, self._where(row)) for row in rows])
        )


def to_values(levels):
    """Returns levels [batch, H, W, C] as values in [-1, 1], [batch, C, H, W]."""
    return levels.permute(0, 3, 1, 2).float() / 127.5 - 1


def to_levels(values):
    levels = ((values + 1) * 127.5).round().clamp(0, 255)
    return levels.permute(0, 2, 3, 1).to(torch.uint8)


def translate(network, levels):
    """Translates one image at a time, without dropout.

    As in the authors' code, batch norm takes the statistics of the image.
    """
    network = copy.deepcopy(network)
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.eval()
    with torch.no_grad():
        made = [
            to_levels(network(to_values(levels[i : i + 1]))) for i in range(len(levels))
        ]
    return torch.cat(made)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("pix2pix", "cyclegan"))
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--filters", type=int, default=32)
    parser.add_argument("--depth", type=int, default=6)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--blocks", type=int, default=6)
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", help="an .npz with source and target")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    random.seed(options.seed)
    model = (Pix2Pix if options.kind == "pix2pix" else CycleGAN)(options)
    shape = options.batch, 3, options.size, options.size
    fixed = [torch.rand(shape) * 2 - 1 for _ in range(2)]
    if options.data:
        data = Pictures(options.data, options.size, options.kind == "pix2pix")
    print(
        *(sum(p.numel() for p in network.parameters()) for network in model.networks),
        flush=True,
    )
    steps, spent = 0, 0.0
    for line in sys.stdin:
        what, *rest = line.split()
        begin = time.process_time()
        if what == "steps":
            for _ in range(int(rest[0])):
                model.step(*fixed).item()
            answer = time.process_time() - begin
        elif what == "train":
            while spent + time.process_time() - begin < float(rest[0]):
                model.step(*data.batch(options.batch))
                steps += 1
            spent += time.process_time() - begin
            answer = steps
        elif what == "translate":
            levels = torch.from_numpy(np.load(rest[0]))
            made = translate(model.networks[0], levels)
            np.save(rest[1], made.numpy())
            answer = len(made)
        print(answer, flush=True)


if __name__ == "__main__":
    main()
