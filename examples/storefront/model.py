"""A small digit reader: what the storefront's reorder slips are read with."""

import torch
from sklearn.datasets import load_digits
from torch import nn

# The first 1,200 of scikit-learn's 1,797 digits train; the rest, by other hands, judge.
N_TRAINING = 1200


def build() -> nn.Module:
    """A convolutional classifier of 8×8 grey images, shape (n, 1, 8, 8) → (n, 10)."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(64, 128, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(128 * 2 * 2, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


def training_set() -> tuple[torch.Tensor, torch.Tensor]:
    """Images and labels the weights were fitted to."""
    images, labels = _digits()
    return images[:N_TRAINING], labels[:N_TRAINING]


def evaluation_set() -> tuple[torch.Tensor, torch.Tensor]:
    """Images and labels the weights have never seen."""
    images, labels = _digits()
    return images[N_TRAINING:], labels[N_TRAINING:]


def _digits() -> tuple[torch.Tensor, torch.Tensor]:
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    return images, torch.tensor(digits.target, dtype=torch.int64)
