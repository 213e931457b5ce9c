"""MobileNets whose latency on many devices is published, as torch modules.

In the form that is deployed and was published: batch normalisation is folded into
the convolutions. Weights are random: time does not depend on them. They are scaled
(He) so that activations neither vanish into denormal numbers nor overflow, which
would.

Layer tables: MobileNet-v1, Howard et al. 2017, arXiv:1704.04861, table 1;
MobileNet-v2, Sandler et al. 2018, arXiv:1801.04381, table 2. 1,001 classes as in
the published TensorFlow models (ImageNet and a background class).
"""

import torch
from torch import nn

CLASSES = 1001
SEED = 0
# As many as int8 needs to see ranges that do not saturate; they are random too.
SAMPLES = 4

# (output channels at width 1, stride) of the 13 depthwise-separable blocks.
_V1_BLOCKS = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *(((512, 1),) * 5),
    (1024, 2),
    (1024, 1),
)
# (expansion, output channels at width 1, repeats, stride of the first).
_V2_BLOCKS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
_V2_LAST_CHANNELS = 1280


def mobilenet_v1_0_25() -> nn.Module:
    """MobileNet-v1 at width 0.25."""
    return _v1(0.25)


def mobilenet_v1_0_5() -> nn.Module:
    """MobileNet-v1 at width 0.5."""
    return _v1(0.5)


def mobilenet_v1_0_75() -> nn.Module:
    """MobileNet-v1 at width 0.75."""
    return _v1(0.75)


def mobilenet_v2_1_0() -> nn.Module:
    """MobileNet-v2 at width 1."""
    channels = 32
    layers: list[nn.Module] = [_convolution(3, channels, kernel=3, stride=2)]
    for expansion, out_channels, repeats, stride in _V2_BLOCKS:
        for i in range(repeats):
            layers.append(
                _InvertedResidual(
                    channels, out_channels, expansion, stride if i == 0 else 1
                )
            )
            channels = out_channels
    layers.append(_convolution(channels, _V2_LAST_CHANNELS))
    return _classifier(layers, _V2_LAST_CHANNELS)


def images_160() -> torch.Tensor:
    """Noise of the shape of images of 160 × 160 pixels."""
    return _images(160)


def images_192() -> torch.Tensor:
    """Noise of the shape of images of 192 × 192 pixels."""
    return _images(192)


def images_224() -> torch.Tensor:
    """Noise of the shape of images of 224 × 224 pixels."""
    return _images(224)


class _InvertedResidual(nn.Module):
    """Expand, filter depthwise, project; add the input where shapes allow."""

    def __init__(
        self, channels: int, out_channels: int, expansion: int, stride: int
    ) -> None:
        super().__init__()
        hidden = channels * expansion
        layers: list[nn.Module] = []
        if expansion > 1:
            layers.append(_convolution(channels, hidden))
        layers += [
            _convolution(hidden, hidden, kernel=3, stride=stride, groups=hidden),
            nn.Conv2d(hidden, out_channels, 1),
        ]
        self.layers = nn.Sequential(*layers)
        self.is_residual = stride == 1 and channels == out_channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.layers(x)
        return x + out if self.is_residual else out


def _v1(width: float) -> nn.Module:
    channels = int(32 * width)
    layers: list[nn.Module] = [_convolution(3, channels, kernel=3, stride=2)]
    for full_channels, stride in _V1_BLOCKS:
        out_channels = int(full_channels * width)
        layers += [
            _convolution(channels, channels, kernel=3, stride=stride, groups=channels),
            _convolution(channels, out_channels),
        ]
        channels = out_channels
    return _classifier(layers, channels)


def _convolution(
    channels: int,
    out_channels: int,
    *,
    kernel: int = 1,
    stride: int = 1,
    groups: int = 1,
) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(
            channels,
            out_channels,
            kernel,
            stride,
            padding=kernel // 2,
            groups=groups,
        ),
        nn.ReLU6(),
    )


def _classifier(layers: list[nn.Module], channels: int) -> nn.Module:
    model = nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, CLASSES)
    )
    generator = torch.Generator().manual_seed(SEED)
    for parameter in model.parameters():
        if parameter.ndim == 4:
            nn.init.kaiming_normal_(parameter, nonlinearity="relu", generator=generator)
    return model.eval()


def _images(side: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(SEED)
    return torch.randn(SAMPLES, 3, side, side, generator=generator)
