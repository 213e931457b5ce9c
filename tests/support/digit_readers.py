"""Small networks that read scikit-learn's digits after seconds of training."""

import torch
from sklearn.datasets import load_digits
from torch import nn

HELD_OUT = 300


def digits():
    """Images (n, 1, 8, 8) between 0 and 1, and their labels (n,)."""
    bunch = load_digits()
    images = torch.tensor(bunch.images / 16, dtype=torch.float32).unsqueeze(1)
    return images, torch.tensor(bunch.target)


def trained(network, *, epochs):
    """The network after so many rounds over all digits but those held out."""
    images, labels = (part[:-HELD_OUT] for part in digits())
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for epoch in range(epochs):
        order = torch.randperm(
            len(images), generator=torch.Generator().manual_seed(epoch)
        )
        for some in order.split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(images[some]), labels[some]).backward()
            optimizer.step()
    return network.eval()
