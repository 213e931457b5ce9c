"""Networks whose latency on many devices is published, as torch modules.

In the form that is deployed and was published: batch normalisation is folded into
the convolutions. Weights are random: time does not depend on them. They are scaled
(He) so that activations neither vanish into denormal numbers nor overflow, which
would.

Layer tables: MobileNet-v1, Howard et al. 2017, arXiv:1704.04861, table 1;
MobileNet-v2, Sandler et al. 2018, arXiv:1801.04381, table 2; MobileNet-v3, Howard et
al. 2019, arXiv:1905.02244, table 1, in its minimalistic form (kernels of 3, ReLU, no
squeeze) as TensorFlow has it; EfficientNet, Tan and Le 2019, arXiv:1905.11946, table
1, in the lite form of TensorFlow (ReLU6, no squeeze; stem, head and the depth of the
first and last stage as they are). 1,001 classes as in the published TensorFlow models
(ImageNet and a background class).
"""

import math
from functools import partial

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
_LAST_CHANNELS = 1280
# (expansion, kernel, output channels at width 1, repeats at depth 1, stride of the first).
_EFFICIENTNET_BLOCKS = (
    (1, 3, 16, 1, 1),
    (6, 3, 24, 2, 2),
    (6, 5, 40, 2, 2),
    (6, 3, 80, 3, 2),
    (6, 5, 112, 3, 1),
    (6, 5, 192, 4, 2),
    (6, 3, 320, 1, 1),
)
# (hidden channels, output channels, stride).
_V3_LARGE_BLOCKS = (
    (16, 16, 1),
    (64, 24, 2),
    (72, 24, 1),
    (72, 40, 2),
    *(((120, 40, 1),) * 2),
    (240, 80, 2),
    (200, 80, 1),
    *(((184, 80, 1),) * 2),
    (480, 112, 1),
    (672, 112, 1),
    (672, 160, 2),
    *(((960, 160, 1),) * 2),
)


def _v2(width: float) -> nn.Module:
    channels = _whole(32 * width)
    layers: list[nn.Module] = [_convolution(3, channels, kernel=3, stride=2)]
    for expansion, full_channels, repeats, first_stride in _V2_BLOCKS:
        out_channels = _whole(full_channels * width)
        for i in range(repeats):
            stride = first_stride if i == 0 else 1
            layers.append(
                _InvertedResidual(
                    channels, out_channels, channels * expansion, stride=stride
                )
            )
            channels = out_channels
    last_channels = _whole(_LAST_CHANNELS * max(width, 1.0))
    layers.append(_convolution(channels, last_channels))
    return _classifier(layers, last_channels)


def mobilenet_v3_large_minimalistic() -> nn.Module:
    """MobileNet-v3-large with kernels of 3, ReLU and no squeeze."""
    channels = 16
    layers: list[nn.Module] = [_convolution(3, channels, kernel=3, stride=2)]
    for hidden, out_channels, stride in _V3_LARGE_BLOCKS:
        layers.append(_InvertedResidual(channels, out_channels, hidden, stride=stride))
        channels = out_channels
    hidden = _V3_LARGE_BLOCKS[-1][0]
    layers += [
        _convolution(channels, hidden),
        nn.AdaptiveAvgPool2d(1),
        _convolution(hidden, _LAST_CHANNELS),
    ]
    return _classifier(layers, _LAST_CHANNELS)


def _efficientnet_lite(width: float, depth: float) -> nn.Module:
    channels = 32
    layers: list[nn.Module] = [_convolution(3, channels, kernel=3, stride=2)]
    ends = {_EFFICIENTNET_BLOCKS[0], _EFFICIENTNET_BLOCKS[-1]}
    for block in _EFFICIENTNET_BLOCKS:
        expansion, kernel, full_channels, repeats, first_stride = block
        out_channels = _whole(full_channels * width)
        for i in range(repeats if block in ends else math.ceil(repeats * depth)):
            layers.append(
                _InvertedResidual(
                    channels,
                    out_channels,
                    channels * expansion,
                    kernel=kernel,
                    stride=first_stride if i == 0 else 1,
                )
            )
            channels = out_channels
    layers.append(_convolution(channels, _LAST_CHANNELS))
    return _classifier(layers, _LAST_CHANNELS)


class _InvertedResidual(nn.Module):
    """Expand, filter depthwise, project; add the input where shapes allow."""

    def __init__(
        self,
        channels: int,
        out_channels: int,
        hidden: int,
        *,
        kernel: int = 3,
        stride: int,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        if hidden != channels:
            layers.append(_convolution(channels, hidden))
        layers += [
            _convolution(hidden, hidden, kernel=kernel, stride=stride, groups=hidden),
            nn.Conv2d(hidden, out_channels, 1),
        ]
        self.layers = nn.Sequential(*layers)
        self.is_residual = stride == 1 and channels == out_channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.layers(x)
        return x + out if self.is_residual else out


def _whole(channels: float) -> int:
    """The nearest multiple of 8 that takes away no more than a tenth."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest


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


mobilenet_v1_0_25 = partial(_v1, 0.25)
mobilenet_v1_0_5 = partial(_v1, 0.5)
mobilenet_v1_0_75 = partial(_v1, 0.75)
mobilenet_v1_1_0 = partial(_v1, 1.0)
mobilenet_v2_0_35 = partial(_v2, 0.35)
mobilenet_v2_0_5 = partial(_v2, 0.5)
mobilenet_v2_0_75 = partial(_v2, 0.75)
mobilenet_v2_1_0 = partial(_v2, 1.0)
efficientnet_lite0 = partial(_efficientnet_lite, 1.0, 1.0)
efficientnet_lite1 = partial(_efficientnet_lite, 1.0, 1.1)
efficientnet_lite2 = partial(_efficientnet_lite, 1.1, 1.2)
efficientnet_lite4 = partial(_efficientnet_lite, 1.4, 1.8)

images_96 = partial(_images, 96)
images_128 = partial(_images, 128)
images_160 = partial(_images, 160)
images_192 = partial(_images, 192)
images_224 = partial(_images, 224)
images_240 = partial(_images, 240)
images_260 = partial(_images, 260)
images_300 = partial(_images, 300)
