"""Lets torch-fidelity measure an ONNX file against folders of pictures.

Run by test_torch_fidelity.py in an environment that has torch-fidelity, with the file,
the size of its latent vectors, its classes, the number of samples and the folders.
Inception's weights would have to be downloaded, so the features are mean colours.
"""

import json
import sys

import torch
import torch_fidelity


class MeanColours(torch_fidelity.FeatureExtractorBase):
    def __init__(self, name, features_list, **_):
        super().__init__(name, features_list)

    @staticmethod
    def get_provided_features_list():
        return ("colours",)

    @staticmethod
    def get_default_feature_layer_for_metric(metric):
        return "colours"

    @staticmethod
    def can_be_compiled():
        return False

    def forward(self, images):
        assert images.dtype == torch.uint8
        return (torch.nn.functional.adaptive_avg_pool2d(images.float(), 2).flatten(1),)


def main(path, latent_dim, num_classes, count, *folders):
    torch_fidelity.register_feature_extractor("mean-colours", MeanColours)
    distances = [
        torch_fidelity.calculate_metrics(
            input1=path,
            input1_model_z_size=int(latent_dim),
            input1_model_z_type="normal",
            input1_model_num_classes=int(num_classes),
            input1_model_num_samples=int(count),
            input2=folder,
            fid=True,
            feature_extractor="mean-colours",
            cuda=False,
            cache=False,
            verbose=False,
        )["frechet_inception_distance"]
        for folder in folders
    ]
    print(json.dumps(distances))


if __name__ == "__main__":
    main(*sys.argv[1:])
