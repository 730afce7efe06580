"""ONNX files, run by ONNX Runtime as a good guest: few threads, none that spin."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError, is_whole, reason_of

MOST_THREADS: Final = 1024
"""More than any machine has; a session with a million would start them one by one."""


Nodes: TypeAlias = Mapping[str, tuple[str, list[Any]]]
"""Inputs or outputs: name: (type, shape), with strings or None for sizes that are free."""
Device = Literal["auto", "cpu", "cuda", "coreml", "directml"]

_CPU: Final = "CPUExecutionProvider"
_PROVIDERS: Final = {
    "cuda": ("CUDAExecutionProvider", "onnxruntime-gpu"),
    "directml": ("DmlExecutionProvider", "onnxruntime-directml"),
    "coreml": ("CoreMLExecutionProvider", "onnxruntime"),
}
"""ONNX Runtime's name, and the package that has it (on a Mac the ordinary one)."""


def providers_of(device: Device) -> list[str]:
    """ONNX Runtime's providers for a device, the CPU last, for what the others leave. "auto": CUDA
    or DirectML, whose packages nobody has by accident, where ONNX Runtime has them, else the CPU.
    Raises PrnetError, saying what to install, for a device that this ONNX Runtime has not."""
    import onnxruntime

    available = onnxruntime.get_available_providers()
    if device == "auto":
        found = [_PROVIDERS[name][0] for name in ("cuda", "directml")]
        return [*[name for name in found if name in available][:1], _CPU]
    if device == "cpu":
        return [_CPU]
    if device not in _PROVIDERS:
        raise PrnetError(
            f"expected a device out of auto, cpu, {', '.join(_PROVIDERS)}, got {device!r}"
        )
    provider, package = _PROVIDERS[device]
    if provider not in available:
        has = ", ".join(name.removesuffix("ExecutionProvider") for name in available)
        raise PrnetError(
            f"expected an ONNX Runtime for {device}, got one for {has} (pip install {package}, "
            "in an environment without another onnxruntime)"
        )
    return [provider, _CPU]


def check_threads(threads: int) -> None:
    """Raises PrnetError for what is no number of them."""
    if not (is_whole(threads) and 1 <= threads <= MOST_THREADS):
        raise PrnetError(f"expected 1 to {MOST_THREADS} threads, got {threads!r}")


class OnnxSession:
    """An ONNX file, ready to run. Pickled and copied as its path; usable from many threads and,
    on the CPU, after ``fork`` (a process that finds its parent's session opens its own, as threads
    do not survive the fork).

    ``threads``: of one call. More than one rarely pays for networks this small, and threads that
    spin while they wait starve the rest of a busy machine, so that they sleep here.
    ``providers``: ONNX Runtime's execution providers, None is the CPU; ``needed``: the first of
    them must work, else the others may do its part.
    ``what``: for messages, "network" say. Raises PrnetError when the file cannot be opened.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        threads: int = 1,
        providers: Sequence[str] | None = None,
        needed: bool = False,
        what: str = "network",
    ) -> None:
        check_threads(threads)
        self.path, self.threads, self.providers = Path(path), threads, providers
        self._absolute, self._what, self._needed = os.path.abspath(path), what, needed
        self._of_process: dict[int, Any] = {}
        self._session()

    def run(
        self, outputs: Sequence[str], inputs: Mapping[str, NDArray[Any]]
    ) -> list[NDArray[np.float32]]:
        """The named outputs for the named inputs. Raises PrnetError for what is no number, as of a
        network whose training went astray."""
        values: list[NDArray[np.float32]] = self._session().run(list(outputs), dict(inputs))
        for name, value in zip(outputs, values, strict=True):
            if not np.isfinite(value).all():
                raise PrnetError(
                    f"{self.path}: expected finite {name} of this {self._what}, got nan or inf"
                )
        return values

    @property
    def inputs(self) -> Nodes:
        return {node.name: (node.type, node.shape) for node in self._session().get_inputs()}

    @property
    def outputs(self) -> Nodes:
        return {node.name: (node.type, node.shape) for node in self._session().get_outputs()}

    def check(self, inputs: Nodes, outputs: Nodes) -> None:
        """Raises PrnetError for a file with other inputs or outputs than these; None in a shape
        stands for any size."""
        if not (_are(self.inputs, inputs) and _are(self.outputs, outputs)):
            raise PrnetError(
                f"{self.path}: expected {described(inputs)} -> {described(outputs)}, "
                f"got {described(self.inputs)} -> {described(self.outputs)}"
            )

    def _session(self) -> Any:
        # The parent's session is kept: taking it down would wait for threads that are not there.
        process = os.getpid()
        if process not in self._of_process:
            self._of_process[process] = self._opened()
        return self._of_process[process]

    def _opened(self) -> Any:
        import onnxruntime

        if not os.path.isfile(self._absolute):
            raise PrnetError(f"{self.path}: expected a {self._what} file (.onnx), got no file")
        available = onnxruntime.get_available_providers()
        wanted = list(self.providers or ["CPUExecutionProvider"])
        if missing := [name for name in wanted if name not in available]:
            raise PrnetError(
                f"expected execution providers out of {', '.join(available)}, "
                f"got {', '.join(missing)}"
            )
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads, options.inter_op_num_threads = self.threads, 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            session = onnxruntime.InferenceSession(self._absolute, options, providers=wanted)
        except Exception as error:  # ONNX Runtime's errors share no base class but Exception
            raise PrnetError(
                f"{self.path}: expected an ONNX {self._what}, got: {reason_of(error)}"
            ) from error
        if self._needed and wanted[0] not in session.get_providers():
            raise PrnetError(
                f"expected {wanted[0].removesuffix('ExecutionProvider')} to work, got one whose "
                "driver or libraries ONNX Runtime cannot load "
                '(device="cpu", --device cpu, does without)'
            )
        return session

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_of_process": {}}


def _are(nodes: Nodes, wanted: Nodes) -> bool:
    return nodes.keys() == wanted.keys() and all(
        kind == nodes[name][0]
        and len(shape) == len(nodes[name][1])
        and all(map(_fits, shape, nodes[name][1]))
        for name, (kind, shape) in wanted.items()
    )


def _fits(wanted: int | None, side: object) -> bool:
    return not isinstance(side, int) if wanted is None else side == wanted


def described(nodes: Nodes) -> str:
    """For messages: each node's name, type and shape."""
    return ", ".join(
        f"{name} {kind} ({', '.join('any' if side is None else str(side) for side in shape)})"
        for name, (kind, shape) in nodes.items()
    )
