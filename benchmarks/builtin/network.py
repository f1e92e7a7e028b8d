"""The network while it is trained: group convolutions with batch normalisation, and its export.

Every filter is applied in the eight forms of the square (four rotations, mirrored or not), so that
what comes out is the same for a picture turned or mirrored: exact invariance at the price of one
pass, instead of eight views. Source: Cohen and Welling 2016, "Group Equivariant Convolutional
Networks" (p4m); kernels are of even size where they stride, which keeps an even grid symmetric.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from labelgate.fixtures.embedders.builtin_forms import expand

LEAST = 1e-6
"""Added to means of cubes, whose root has no slope at zero."""


class Convolution(nn.Module):
    """A convolution over the group, its normalisation, and a rectifier where asked for."""

    def __init__(
        self, fields: tuple[int, int], size: int, stride: int, forms: tuple[int, int]
    ) -> None:
        """Makes a layer from fields[0] to fields[1] fields of forms[0] to forms[1] forms each."""
        super().__init__()
        self.stride, self.padding, self.forms = stride, (size - stride + 1) // 2, forms
        shape = fields[1], fields[0], forms[0], size, size
        fan_in = fields[0] * forms[0] * size * size
        self.weight = nn.Parameter(torch.randn(shape) * (2 / fan_in) ** 0.5)
        self.scale = nn.Parameter(torch.ones(fields[1]))
        self.shift = nn.Parameter(torch.zeros(fields[1]))
        channels = fields[1] * forms[1]
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(n, fields * forms, H, W) to the same with H and W divided by the stride."""
        x = functional.conv2d(
            x, expand(self.weight, self.forms), stride=self.stride, padding=self.padding
        )
        scale, shift = (p.repeat_interleave(self.forms[1]) for p in (self.scale, self.shift))
        return functional.batch_norm(
            x, self.mean, self.variance, scale, shift, self.training, momentum=0.02
        )

    def folded(self) -> tuple[Tensor, Tensor]:
        """Weights and biases with the normalisation inside; statistics pooled over the forms."""
        mean = self.mean.view(-1, self.forms[1]).mean(1)
        variance = self.variance.view(-1, self.forms[1]).mean(1)
        gain = self.scale / (variance + 1e-5).sqrt()
        return self.weight * gain[:, None, None, None, None], self.shift - mean * gain


class _MeanOfCubes(torch.autograd.Function):
    """Rectifies and averages x^3 over the positions, in few passes over memory."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:  # noqa: ANN401
        x = x.clamp(min=0)
        ctx.save_for_backward(x)
        return (x * x).mul_(x).mean((2, 3), dtype=torch.float32)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ANN401
        (x,) = ctx.saved_tensors
        share = (gradient * 3 / (x.shape[2] * x.shape[3])).to(x.dtype)
        return (x * x).mul_(share[:, :, None, None])


class Network(nn.Module):
    """Pictures to descriptors: two strided layers, residual blocks at two sizes, pooling."""

    def __init__(
        self, fields: tuple[int, int, int], blocks: tuple[int, int], wide: int, forms: int
    ) -> None:
        """Makes the network; `forms` is 8, or 1 for a plain network to compare with."""
        super().__init__()
        both, (first, second, third) = (forms, forms), fields
        self.stem = Convolution((3, first), 4, 2, (1, forms))
        self.down = nn.ModuleList(
            [Convolution((first, second), 4, 2, both), Convolution((second, third), 4, 2, both)]
        )
        self.body = nn.ModuleList(
            nn.ModuleList(
                nn.ModuleList(Convolution((width, width), 3, 1, both) for _ in range(2))
                for _ in range(count)
            )
            for width, count in zip(fields[1:], blocks, strict=True)
        )
        self.wide = Convolution((third, wide), 1, 1, both)
        self.centre = nn.BatchNorm1d(wide, affine=False, momentum=0.02)
        self.project = nn.Linear(wide, 256)

    def forward(self, images: Tensor) -> Tensor:
        """(n, S, S, 3) uint8 to (n, 256) float32 of unit length."""
        x = images.permute(0, 3, 1, 2).float() / 64 - 2  # channels_last as it comes
        x = functional.relu(self.stem(x))
        for down, blocks in zip(self.down, self.body, strict=True):
            x = functional.relu(down(x))
            for first, second in blocks:
                x = functional.relu(x + second(functional.relu(first(x))))
        cubes = _MeanOfCubes.apply(self.wide(x))
        pooled = (cubes.view(len(x), -1, self.wide.forms[1]).mean(2) + LEAST) ** (1 / 3)
        with torch.autocast(images.device.type, enabled=False):
            return functional.normalize(self.project(self.centre(pooled)))

    def layers(self) -> Iterator[tuple[str, Convolution]]:
        """All convolutions by the names they are stored under, in the order they are applied."""
        yield "stem", self.stem
        for stage, (down, blocks) in enumerate(zip(self.down, self.body, strict=True)):
            yield f"stage{stage}.down", down
            for block, pair in enumerate(blocks):
                for place, layer in zip(("first", "second"), pair, strict=True):
                    yield f"stage{stage}.block{block}.{place}", layer
        yield "wide", self.wide

    def exported(self) -> dict[str, Tensor]:
        """The tensors of the weights file: folded, in half precision."""
        tensors = {}
        for name, layer in self.layers():
            tensors[f"{name}.weight"], tensors[f"{name}.bias"] = layer.folded()
        gain = (self.centre.running_var + self.centre.eps).rsqrt()
        tensors["project.weight"] = self.project.weight * gain
        tensors["project.bias"] = (
            self.project.bias - tensors["project.weight"] @ self.centre.running_mean
        )
        return {name: tensor.detach().half().contiguous() for name, tensor in tensors.items()}
