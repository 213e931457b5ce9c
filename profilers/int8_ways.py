"""What `int8` does on a runtime, so that one thing under two names is measured once.

    openvino, torch-cuda            one way, whatever the model
    torch, torch-compile,
    onnxruntime                     with convolutions static, without dynamic

Where the model decides, it is asked for its layers: a live one here, others in a process
of their own, for their code may do anything. The store keeps the answer.
"""

import datetime as dt
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from planner.domain.profiling import UserModel
from planner.domain.variants import Precision, Runtime
from planner.errors import MissingExtraError, ProfilingError
from profilers.keys import layers_key
from profilers.running.process import has_live_parts, search_path
from profilers.store import ProfileStore
from profilers.trials import Layers

_ONE_WAY: Final[Mapping[Runtime, Precision]] = {
    Runtime.OPENVINO: Precision.INT8_STATIC,
    Runtime.TORCH_CUDA: Precision.INT8_DYNAMIC,
}
_CHILD: Final = "from profilers.int8_ways import main; main()"
_CONVOLUTIONS, _NONE = 20, 21  # exit codes, since user code may print
_TIMEOUT_S: Final = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Int8Ways:
    """What a store and the models themselves say of `int8`.

    `identify` gives the hash of a model's content.
    """

    store: ProfileStore
    identify: Callable[[UserModel], str]
    environment: Mapping[str, str]
    now: Callable[[], dt.datetime]

    def way(self, model: UserModel, runtime: Runtime) -> Precision | None:
        """The precision that `int8` is another name of there; None where nobody can say."""
        if runtime in _ONE_WAY:
            return _ONE_WAY[runtime]
        try:
            has_convolutions = self._has_convolutions(model)
        except (ProfilingError, MissingExtraError):  # its trials say why
            return None
        if has_convolutions is None:
            return None
        return Precision.INT8_STATIC if has_convolutions else Precision.INT8_DYNAMIC

    def _has_convolutions(self, model: UserModel) -> bool | None:
        key = layers_key(identity=self.identify(model), environment=self.environment)
        known = self.store.layers([key]).get(key)
        if known is not None:
            return known.has_convolutions
        found = _looked_at(model)
        if found is not None:
            self.store.keep_layers(
                key, model.name, Layers(has_convolutions=found, measured_at=self.now())
            )
        return found


def _looked_at(model: UserModel) -> bool | None:
    if has_live_parts(model):
        return _is_convolutional(model)
    path = os.pathsep.join(search_path())
    try:
        ended = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", _CHILD],
            input=pickle.dumps(model),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            check=False,
            env={**os.environ, "PYTHONPATH": path},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return {_CONVOLUTIONS: True, _NONE: False}.get(ended.returncode)


def _is_convolutional(model: UserModel) -> bool:
    from profilers.models import is_convolutional  # noqa: PLC0415 - imports torch

    return is_convolutional(model)


def main() -> None:
    """The child: the model comes in on standard input, the answer is the exit code."""
    model: UserModel = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own parent
    found = _is_convolutional(model)
    # At once: what the user's code left behind may not end.
    os._exit(_CONVOLUTIONS if found else _NONE)
