"""Writes weights, inputs and outputs of the PyTorch networks of benchmarks.

Run by test_translators_in_pytorch.py with the file to write, in an environment that has
PyTorch. For each network the .npz has NETWORK/input, NETWORK/output and its weights,
NETWORK/0 and so on.
"""

import sys

import numpy as np
import torch
import translation_torch as reference

# The network, and the shape of an image for it.
NETWORKS = {
    "unet": (reference.UNet(3, 2, 3, 5, dropout=0.5), (3, 32, 64)),
    "encoder_decoder": (reference.UNet(2, 3, 3, 5, skips=False), (2, 32, 32)),
    "residual": (reference.residual_translator(3, 2, 4, 2), (3, 12, 20)),
    "pixels": (reference.patch_discriminator(5, 4, 0, None), (5, 6, 7)),
    "patches": (reference.patch_discriminator(5, 4, 3, "batch"), (5, 48, 56)),
    "odd_patches": (reference.patch_discriminator(3, 4, 2, "instance"), (3, 37, 50)),
}


def main():
    torch.manual_seed(0)
    written = {}
    for name, (network, shape) in NETWORKS.items():
        for module in network.modules():
            if isinstance(module, torch.nn.Dropout):
                module.eval()  # but batch norm takes the statistics of the image
        with torch.no_grad():
            for i, weight in enumerate(network.parameters()):
                if weight.ndim == 4:
                    weight.normal_(0, weight[0].numel() ** -0.5)
                else:
                    weight.uniform_(0.5, 1.5)
                written[f"{name}/{i}"] = weight.numpy()
            image = torch.randn(1, *shape)
            written[f"{name}/input"] = image.numpy()
            written[f"{name}/output"] = network(image).numpy()
    np.savez(sys.argv[1], **written)


if __name__ == "__main__":
    main()
