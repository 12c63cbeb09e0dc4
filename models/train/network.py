"""The detector network: small, plain 3x3 convolutions, one output at stride 4.

Every output cell carries one score per class and the distances from the cell
centre to the four sides of the box (the CenterNet / TTFNet family). There are
no anchors, and the exported graph holds only convolutions, ReLU, nearest
resize, max-pool and element-wise operators.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CLASSES = ("person", "vehicle", "bicycle")
STRIDE = 4
SIZE_MULTIPLE = 32
"""Height and width of the input must be multiples of this (deepest stride)."""



@dataclass(frozen=True)
class Shape:
    """How wide and deep a network is, and what it finds. Channels in multiples of 32 suit AMX tiles."""

    classes: tuple[str, ...]
    channels: tuple[int, int, int, int] = (32, 64, 128, 128)
    blocks: tuple[int, int, int, int] = (1, 2, 2, 1)
    pyramid: int = 64
    head: int = 32


PEOPLE = Shape(CLASSES)
"""1.41 M parameters, 2.9 GMAC for 640x512."""
WINDOWS = Shape(("window",), (32, 64, 64, 64), (1, 1, 1, 1), 32)
"""0.35 M parameters, 1.2 GMAC for 640x512: windows are larger than people, and looked at in three sizes."""
SHAPES = {"people": PEOPLE, "windows": WINDOWS}

PRIOR_SCORE_LOGIT = -4.6
"""Initial score of 1 %, so that the many empty cells do not swamp early steps."""
PRIOR_LOG_DISTANCE = 2.0
"""Initial distance of exp(2) = 7.4 px, about half of a typical box."""


class ConvNorm(nn.Sequential):
    """Convolution, batch normalisation and, unless told otherwise, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, relu: bool = True) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True) if relu else nn.Identity(),
        )


class Residual(nn.Module):
    """Two 3x3 convolutions with a skip connection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = ConvNorm(channels, channels)
        self.second = ConvNorm(channels, channels, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(self.first(x)))


def stage(inputs: int, outputs: int, blocks: int) -> nn.Sequential:
    """Halves the resolution, then runs `blocks` residual blocks."""
    return nn.Sequential(ConvNorm(inputs, outputs, stride=2), *[Residual(outputs) for _ in range(blocks)])


def doubled(x: Tensor) -> Tensor:
    """Nearest-neighbour upsampling by two."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


class Detector(nn.Module):
    """Normalised grey frame [B,1,H,W] -> score logits and log distances at stride 4."""

    def __init__(self, shape: Shape = PEOPLE) -> None:
        super().__init__()
        self.shape = shape
        c1, c2, c3, c4 = shape.channels
        b1, b2, b3, b4 = shape.blocks
        # 2x2 space-to-depth followed by a stride-2 convolution: stride 4 without a costly full-resolution layer.
        self.stem = ConvNorm(4, c1, stride=2)
        self.stage1 = nn.Sequential(*[Residual(c1) for _ in range(b1)])
        self.stage2 = stage(c1, c2, b2)
        self.stage3 = stage(c2, c3, b3)
        self.stage4 = stage(c3, c4, b4)
        self.lateral1 = ConvNorm(c1, shape.head, 1)
        self.lateral2 = ConvNorm(c2, shape.pyramid, 1)
        self.lateral3 = ConvNorm(c3, shape.pyramid, 1)
        self.lateral4 = ConvNorm(c4, shape.pyramid, 1)
        self.merge3 = ConvNorm(shape.pyramid, shape.pyramid)
        self.merge2 = ConvNorm(shape.pyramid, shape.pyramid)
        self.narrow = ConvNorm(shape.pyramid, shape.head, 1)
        self.head = nn.Sequential(ConvNorm(shape.head, shape.head), ConvNorm(shape.head, shape.head))
        self.output = nn.Conv2d(shape.head, len(shape.classes) + 4, 1)
        nn.init.normal_(self.output.weight, std=0.01)
        with torch.no_grad():
            assert self.output.bias is not None
            self.output.bias[: len(shape.classes)] = PRIOR_SCORE_LOGIT
            self.output.bias[len(shape.classes) :] = PRIOR_LOG_DISTANCE

    def first_layer(self, frame: Tensor) -> Tensor:
        """The stem. Export replaces it by one equivalent 6x6 convolution."""
        return self.stem(F.pixel_unshuffle(frame, 2))

    def forward(self, frame: Tensor) -> tuple[Tensor, Tensor]:
        at4 = self.stage1(self.first_layer(frame))
        at8 = self.stage2(at4)
        at16 = self.stage3(at8)
        at32 = self.stage4(at16)
        at16 = self.merge3(self.lateral3(at16) + doubled(self.lateral4(at32)))
        at8 = self.merge2(self.lateral2(at8) + doubled(at16))
        output = self.output(self.head(self.lateral1(at4) + doubled(self.narrow(at8))))
        classes = len(self.shape.classes)
        return output[:, :classes], output[:, classes:]
