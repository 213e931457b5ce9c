"""Fit the digit reader and write weights.safetensors beside this file; a minute at most."""

from pathlib import Path

import torch
from model import build, evaluation_set, training_set
from safetensors.torch import save_file
from torch import nn

N_EPOCHS = 30
BATCH = 64


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = build()
    images, labels = training_set()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, N_EPOCHS)
    for _ in range(N_EPOCHS):
        for chosen in torch.randperm(len(labels)).split(BATCH):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(images[chosen]), labels[chosen])
            loss.backward()
            optimizer.step()
        schedule.step()
    save_file(model.state_dict(), Path(__file__).with_name("weights.safetensors"))
    images, labels = evaluation_set()
    with torch.no_grad():
        right = (model(images).argmax(1) == labels).float().mean().item()
    print(f"accuracy on {len(labels)} unseen digits: {right:.4f}")


if __name__ == "__main__":
    main()
