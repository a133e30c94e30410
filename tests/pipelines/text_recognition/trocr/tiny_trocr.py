"""Tiny random TrOCR checkpoints, stored as the Hub stores the published ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

LETTERS = "abcdefghijklmnopqrstuvwxyz"
PIECES = ["<s>", "<pad>", "</s>", "<unk>", *LETTERS, *"0123456789", "Ġ", "th", "Ġt", "Ã", "©", "Ã©", "<mask>"]
BUILDS: dict[str, dict[str, Any]] = {
    "roberta": {},
    "sinusoidal": {
        "tie_word_embeddings": False, "activation_function": "relu", "scale_embedding": True,
        "use_learned_position_embeddings": False, "layernorm_embedding": False,
    },
    "unilm": {"tie_word_embeddings": False, "activation_function": "relu", "scale_embedding": True},
}  # fmt: skip


def store(folder: Path, build: str = "roberta", seed: int = 0) -> Path:
    """Write a tiny checkpoint of a decoder build to a folder: weights of a seed, tokenizer, image processor."""
    _network(build, seed).save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps({piece: index for index, piece in enumerate(PIECES)}))
    (folder / "merges.txt").write_text("#version: 0.2\nt h\nĠ t\nÃ ©\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "RobertaTokenizer"}))
    kind = "DeiT" if build == "unilm" else "ViT"
    means = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "resample": 2, "do_center_crop": False}
    stated = {"feature_extractor_type": f"{kind}FeatureExtractor", "size": 32, "do_resize": True} | means
    (folder / "preprocessor_config.json").write_text(json.dumps(stated))
    return folder


def _network(build: str, seed: int) -> Any:
    import torch
    import transformers

    torch.manual_seed(seed)
    kind = "DeiT" if build == "unilm" else "ViT"
    encoder = getattr(transformers, f"{kind}Config")(
        image_size=32, patch_size=16, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16,
        qkv_bias=build == "unilm",
    )  # fmt: skip
    decoder = transformers.TrOCRConfig(
        vocab_size=len(PIECES), d_model=32, decoder_layers=2, decoder_attention_heads=2, decoder_ffn_dim=16,
        max_position_embeddings=40, cross_attention_hidden_size=16, is_decoder=True, add_cross_attention=True,
        init_std=0.5, **BUILDS[build],
    )  # fmt: skip
    network = transformers.VisionEncoderDecoderModel(
        encoder=getattr(transformers, f"{kind}Model")(encoder, add_pooling_layer=False),
        decoder=transformers.TrOCRForCausalLM(decoder),
    )
    for stated in (network.config, network.generation_config):
        stated.decoder_start_token_id, stated.pad_token_id, stated.eos_token_id = 2, 1, 2
    return network
