"""Write keys and values in place while a policy samples.

transformers' `DynamicLayer` copies its whole content for every added token. A gradient needs the old values, so this is
for sampling only. Layers with a sliding window or a state stay as they are.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers.cache_utils import DynamicLayer

_ROOM = 16
"""Number of tokens by which the room grows when it is used up, with one copy."""


class InPlaceLayer(DynamicLayer):  # type: ignore[misc]
    """One layer's keys and values, [B, heads, T, D] each, at the start of tensors with room for more."""

    def __init__(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        super().__init__()
        self.lazy_initialization(keys, values)
        self.keys, self.values = keys, values
        self._room: tuple[torch.Tensor, ...] = (keys, values)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: object, **__: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append keys and values of new tokens. Returns all keys and values, as views."""
        start = self.keys.shape[-2]
        end = start + key_states.shape[-2]
        if end > self._room[0].shape[-2]:
            self._room = tuple(_with_room(held, end + _ROOM) for held in (self.keys, self.values))
        keys, values = self._room
        keys.narrow(-2, start, end - start).copy_(key_states)
        values.narrow(-2, start, end - start).copy_(value_states)
        self.keys, self.values = keys.narrow(-2, 0, end), values.narrow(-2, 0, end)
        return self.keys, self.values

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep these rows, in this order."""
        super().batch_select_indices(indices)
        self._room = (self.keys, self.values)


def write_in_place(cache: Any) -> None:  # noqa: ANN401
    """Write a cache's plain layers in place from now on. Nothing in it may need a gradient."""
    cache.layers = [
        InPlaceLayer(layer.keys, layer.values) if type(layer) is DynamicLayer else layer for layer in cache.layers
    ]


def _with_room(held: torch.Tensor, length: int) -> torch.Tensor:
    room = held.new_empty((*held.shape[:-2], length, held.shape[-1]))
    room[..., : held.shape[-2], :] = held
    return room
