"""Tiny random checkpoints of the published grounders' classes, stored as the Hub stores the real ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

WORDS = (
    "the", "a", "red", "blue", "green", "mug", "lamp", "circle", "square", "ball", "left", "of", "right", "cup", "key",
)  # fmt: skip
# GroundingDINO counts on the numbers of BERT's special tokens.
SPECIAL = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, ".": 1012, "?": 1029}


def store_detector(folder: Path, name: str = "GroundingDino", seed: int = 0) -> Path:
    """GroundingDINO or MM-GroundingDINO with 12 queries."""
    import transformers as hf

    torch.manual_seed(seed)
    swin = hf.SwinConfig(
        image_size=64, patch_size=4, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2], window_size=4,
        out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip
    text = hf.BertConfig(
        vocab_size=1100, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=256,
    )  # fmt: skip
    config = getattr(hf, f"{name}Config")(
        backbone_config=swin, text_config=text, d_model=32, encoder_layers=1, decoder_layers=2, encoder_ffn_dim=16,
        decoder_ffn_dim=16, encoder_attention_heads=2, decoder_attention_heads=2, num_queries=12,
        init_std=0.5,
    )  # fmt: skip
    getattr(hf, f"{name}ForObjectDetection")(config).save_pretrained(folder)
    words = {number: word for word, number in SPECIAL.items()}
    words |= {1030 + i: word for i, word in enumerate(WORDS)}
    (folder / "vocab.txt").write_text("\n".join(words.get(i, f"[unused{i}]") for i in range(1100)))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    stated = {
        "image_processor_type": "GroundingDinoImageProcessor", "size": {"shortest_edge": 256, "longest_edge": 320},
        "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225],
    }  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(stated))
    return folder


def store_sam(folder: Path, seed: int = 0) -> Path:
    """SAM at 64 pixels."""
    import transformers as hf

    torch.manual_seed(seed)
    vision = {
        "hidden_size": 16, "output_channels": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 64,
        "patch_size": 8, "mlp_dim": 16, "window_size": 4, "global_attn_indexes": [0], "num_pos_feats": 8,
    }  # fmt: skip
    prompt = {"hidden_size": 16, "image_size": 64, "patch_size": 8, "mask_input_channels": 4}
    decoder = {
        "hidden_size": 16, "mlp_dim": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "iou_head_hidden_dim": 8,
    }  # fmt: skip
    config = hf.SamConfig(vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=decoder)
    hf.SamModel(config).save_pretrained(folder)
    return folder


def store_sam2(folder: Path, seed: int = 0) -> Path:
    """SAM 2.1 at 128 pixels."""
    import transformers as hf

    torch.manual_seed(seed)
    backbone = hf.Sam2HieraDetConfig(
        hidden_size=8, image_size=[128, 128], blocks_per_stage=[1, 1, 2, 1], embed_dim_per_stage=[8, 16, 32, 64],
        num_attention_heads_per_stage=[1, 1, 2, 2], window_size_per_stage=[8, 8, 8, 8], global_attention_blocks=[3],
        window_positional_embedding_background_size=[4, 4],
    )  # fmt: skip
    vision = hf.Sam2VisionConfig(
        backbone_config=backbone, backbone_channel_list=[64, 32, 16, 8], fpn_hidden_size=32,
        backbone_feature_sizes=[[32, 32], [16, 16], [8, 8]],
    )  # fmt: skip
    config = hf.Sam2Config(
        vision_config=vision,
        prompt_encoder_config={"hidden_size": 32, "image_size": 128, "patch_size": 16, "mask_input_channels": 4},
        mask_decoder_config={
            "hidden_size": 32, "mlp_dim": 16, "num_attention_heads": 2, "iou_head_hidden_dim": 8,
        },
    )  # fmt: skip
    hf.Sam2Model(config).save_pretrained(folder)
    return folder


def store_sam3(folder: Path, seed: int = 0) -> Path:
    """SAM 3 at 112 pixels with 8 queries."""
    import transformers as hf

    torch.manual_seed(seed)
    small: dict[str, Any] = {"hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 16}
    backbone = hf.Sam3ViTConfig(
        **small, num_hidden_layers=2, image_size=112, patch_size=14, window_size=4, global_attn_indexes=[1],
        pretrain_image_size=56,
    )  # fmt: skip
    config = hf.Sam3Config(
        vision_config=hf.Sam3VisionConfig(
            backbone_config=backbone, fpn_hidden_size=32, backbone_feature_sizes=[[32, 32], [16, 16], [8, 8]]
        ),
        text_config=hf.CLIPTextConfig(
            vocab_size=40, hidden_size=32, intermediate_size=16, projection_dim=32, num_hidden_layers=1,
            num_attention_heads=2, max_position_embeddings=32, eos_token_id=1, bos_token_id=0, pad_token_id=1,
        ),
        geometry_encoder_config={**small, "num_layers": 1},
        detr_encoder_config={**small, "num_layers": 1},
        detr_decoder_config={**small, "num_layers": 2, "num_queries": 8},
        mask_decoder_config={"hidden_size": 32, "num_attention_heads": 2},
    )  # fmt: skip
    hf.Sam3Model(config).save_pretrained(folder)
    letters = [*"abcdefghijklmnopqrstuvwxyz"]
    pieces = ["<|startoftext|>", "<|endoftext|>", *(f"{letter}</w>" for letter in letters[:8]), *letters]
    (folder / "vocab.json").write_text(json.dumps({piece: i for i, piece in enumerate(pieces)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    stated = {"tokenizer_class": "CLIPTokenizer", "pad_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(stated))
    return folder


def store_florence(folder: Path, seed: int = 0) -> Path:
    """Florence-2 at 64 pixels, with a tokenizer of letters and coordinates."""
    import transformers as hf

    torch.manual_seed(seed)
    vision = hf.Florence2VisionConfig(
        depths=(1, 1, 1, 1), embed_dim=(8, 8, 16, 16), num_heads=(1, 1, 2, 2), num_groups=(1, 1, 2, 2), window_size=4,
        projection_dim=16, drop_path_rate=0.0,
    )  # fmt: skip
    places = [f"<loc_{i}>" for i in range(1000)]
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "<image>", *"abcdefghijklmnopqrstuvwxyzL:.", "Ġ", *places]
    text = hf.BartConfig(
        vocab_size=len(pieces), d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, max_position_embeddings=600,
        bos_token_id=0, pad_token_id=1, eos_token_id=2, decoder_start_token_id=2, forced_eos_token_id=2, init_std=0.5,
    )  # fmt: skip
    config = hf.Florence2Config(
        vision_config=vision, text_config=text, image_token_id=5, bos_token_id=0, pad_token_id=1, eos_token_id=2,
        decoder_start_token_id=2,
    )  # fmt: skip
    hf.Florence2ForConditionalGeneration(config).save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps({piece: i for i, piece in enumerate(pieces)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    stated = {"tokenizer_class": "BartTokenizer", "extra_special_tokens": places}
    (folder / "tokenizer_config.json").write_text(json.dumps(stated))
    square = {"height": 64, "width": 64}
    stated = {
        "image_processor_type": "CLIPImageProcessor", "size": square, "crop_size": square, "do_center_crop": False,
        "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225],
    }  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(stated))
    return folder
