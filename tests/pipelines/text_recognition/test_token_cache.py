from __future__ import annotations

import numpy as np
import torch

from pipelines.text_recognition.igtr import IGTR
from pipelines.text_recognition.token_cache import TokenCache

PIXELS = np.random.default_rng(3).random((5, 3, 32, 128), dtype=np.float32)


def test_what_was_seen_is_not_encoded_again(network: IGTR) -> None:
    tokens = TokenCache()
    first = tokens.encode(network, PIXELS[:3], 1)
    again = tokens.encode(network, PIXELS[[2, 0, 4]], 1)
    assert tokens.encoded == 4
    assert torch.equal(again[:2], first[[2, 0]])
    assert torch.allclose(again[2:], network.encode(torch.from_numpy(PIXELS[4:])), atol=1e-5)


def test_other_weights_encode_anew(network: IGTR) -> None:
    tokens = TokenCache()
    tokens.encode(network, PIXELS[:1], 1)
    tokens.encode(network, PIXELS[:1], 2)
    assert tokens.encoded == 2


def test_a_crop_that_comes_twice_in_a_batch_is_encoded_once(network: IGTR) -> None:
    tokens = TokenCache()
    assert tokens.encode(network, PIXELS[[0, 0]], 1).shape[0] == 2 and tokens.encoded == 1


def test_the_oldest_is_forgotten(network: IGTR) -> None:
    tokens = TokenCache(most=2)
    tokens.encode(network, PIXELS[:3], 1)
    tokens.encode(network, PIXELS[:1], 1)
    assert tokens.encoded == 4
