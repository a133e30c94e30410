"""Visual tokens of the last crops, by content and weights: only the decoder runs when a procedure changes."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

import numpy as np
import torch
from torch import Tensor

from pipelines.text_recognition.crops import encode
from pipelines.text_recognition.igtr import IGTR

MOST = 256  # crops of 40 kB each


class TokenCache:
    """Encodes what it has not seen lately. Tensors that it lends are never written to."""

    def __init__(self, most: int = MOST) -> None:
        self.most, self.encoded = most, 0
        self._tokens: OrderedDict[tuple[bytes, int], Tensor] = OrderedDict()
        self._lock = threading.Lock()

    def encode(self, network: IGTR, pixels: np.ndarray, weights_version: int) -> Tensor:
        """Tokens (B, T, d) of fitted crops (B, 3, 32, 128) by the network that has this version."""
        keys = [(hashlib.sha256(crop.tobytes()).digest(), weights_version) for crop in pixels]
        with self._lock:
            found = {key: self._tokens[key] for key in keys if key in self._tokens}
        missing = {key: index for index, key in enumerate(keys) if key not in found}
        if missing:
            fresh = encode(network, pixels[list(missing.values())])
            found |= dict(zip(missing, fresh, strict=True))
        self._keep(keys, found, len(missing))
        return torch.stack([found[key] for key in keys])

    def _keep(self, keys: list[tuple[bytes, int]], found: dict[tuple[bytes, int], Tensor], encoded: int) -> None:
        with self._lock:
            self.encoded += encoded
            for key in keys:
                self._tokens[key] = found[key]
                self._tokens.move_to_end(key)
            while len(self._tokens) > self.most:
                self._tokens.popitem(last=False)
