"""A training batch of one case has a Dice.

Mends ``GeneralizedDiceScore.forward`` (yucca/modules/metrics/training_metrics.py).
Symptom: ``target.squeeze()`` drops the batch axis along with the channel's when the batch holds one case:
"Predictions and targets are expected to have the same shape", so ``--batch_size 1`` cannot train.
Cure: the channel axis is dropped, and no other.
"""

from __future__ import annotations

import inspect
from functools import wraps
from typing import Any


def apply(module: Any) -> bool:
    plain = module.GeneralizedDiceScore.forward
    if "target.squeeze()" not in inspect.getsource(plain):
        return False

    @wraps(plain)
    def forward(self: Any, input: Any, target: Any) -> Any:
        if self.multilabel:
            return plain(self, input, target)
        one_hot = module.nn.functional.one_hot
        found = one_hot(input.argmax(dim=1), self.num_classes).movedim(-1, 1)
        true = one_hot(target.reshape(input.shape[0], *input.shape[2:]).long(), self.num_classes).movedim(-1, 1)
        output = self.method(found, true)
        return output.mean() if self.average else output

    module.GeneralizedDiceScore.forward = forward
    return True
