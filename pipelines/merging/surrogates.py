"""Losses that need no labels, for coefficients to be learned by. All take logits with the classes last."""

from __future__ import annotations

from torch import Tensor


def entropy(logits: Tensor) -> Tensor:
    """Mean entropy of the predictions in nats: of pictures, tokens, frames or boxes, whatever the first axes are."""
    logs = logits.log_softmax(-1)
    return -(logs.exp() * logs).sum(-1).mean()


def balanced_entropy(logits: Tensor, weight: float = 1.0) -> Tensor:
    """Entropy less weight * the entropy of the mean prediction: answering one class always is no way out."""
    mean = logits.softmax(-1).flatten(0, -2).mean(0)
    return entropy(logits) + weight * (mean * mean.clamp(min=1e-12).log()).sum()


def divergence(logits: Tensor, expert: Tensor) -> Tensor:
    """Mean Kullback-Leibler divergence from an expert's predictions, KL(expert || merged), in nats."""
    logs = expert.log_softmax(-1)
    return (logs.exp() * (logs - logits.log_softmax(-1))).sum(-1).mean()


def consistency(output: Tensor, expert: Tensor) -> Tensor:
    """Mean squared difference from an expert's output on the same input and noise."""
    return (output - expert).square().mean()


def pseudo_labels(logits: Tensor, confidence: float = 0.99) -> Tensor:
    """Cross entropy with the network's own sure predictions; 0 where none is as sure as `confidence`."""
    logs = logits.log_softmax(-1).flatten(0, -2)
    sure, label = logs.detach().exp().max(-1)
    losses = -logs.gather(1, label[:, None])[:, 0]
    is_sure = sure >= confidence
    return (losses * is_sure).sum() / is_sure.sum().clamp(min=1)


def forgetting(target: Tensor, control: Tensor) -> Tensor:
    """Negation: worse on the target, as good as before on the control."""
    return control - target
