"""CRC-32C (Castagnoli), which TensorFlow writes beside every block and tensor, in NumPy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_POLYNOMIAL = 0x82F63B78
_ONES = 0xFFFFFFFF
_LANES = 1 << 13
"""Stretches of a large buffer that are worked on side by side; a power of two."""

Registers = NDArray[np.uint32]


def _byte_table() -> Registers:
    """What one more byte does to the register: (256,)."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(_POLYNOMIAL), table >> 1)
    return table


_TABLE = _byte_table()
_TABLE_LIST: list[int] = _TABLE.tolist()


def _step(registers: Registers, octets: NDArray[np.uint8] | int) -> Registers:
    stepped: Registers = _TABLE[(registers ^ octets) & 0xFF] ^ (registers >> 8)
    return stepped


def _multiply(matrix: Registers, registers: Registers) -> Registers:
    """A 32x32 matrix over GF(2), given as its 32 columns, times each register (N,)."""
    result = np.zeros_like(registers)
    for bit, column in enumerate(matrix):
        result ^= np.where(registers >> bit & 1, column, 0).astype(np.uint32)
    return result


def _zeros(length: int) -> Registers:
    """The matrix (32,) that ``length`` zero bytes are to the register, by repeated squaring."""
    result = np.uint32(1) << np.arange(32, dtype=np.uint32)
    power = _step(result, 0)
    while length:
        if length & 1:
            result = _multiply(power, result)
        power = _multiply(power, power)
        length >>= 1
    return result


def _join(registers: Registers, length: int) -> int:
    """Registers (a power of two of them) of neighbouring stretches of ``length`` bytes -> one."""
    move = _zeros(length)
    while len(registers) > 1:
        registers = _multiply(move, registers[::2]) ^ registers[1::2]
        move = _multiply(move, move)
    return int(registers[0])


def crc32c(data: bytes | memoryview | NDArray[np.uint8]) -> int:
    """CRC-32C of ``data`` (bytes, or uint8 (N,)); above 0.1 GB/s for large buffers.

    The register is linear in the data, so 8192 stretches run side by side from zero, and then
    neighbours are joined. Source: Castagnoli 1993; check values of RFC 3720, B.4.
    """
    octets = np.frombuffer(data, np.uint8)
    register = _ONES
    stretch = len(octets) // _LANES
    if stretch:
        lanes = octets[: stretch * _LANES].reshape(_LANES, stretch)
        registers = np.zeros(_LANES, np.uint32)
        for column in lanes.T:
            registers = _step(registers, column)
        start = _multiply(_zeros(stretch * _LANES), np.array([register], np.uint32))
        register = int(start[0]) ^ _join(registers, stretch)
        octets = octets[stretch * _LANES :]
    for octet in octets.tobytes():
        register = _TABLE_LIST[(register ^ octet) & 0xFF] ^ (register >> 8)
    return register ^ _ONES


def masked(crc: int) -> int:
    """The CRC as LevelDB tables and TensorFlow store it: turned by 15 bits, plus a constant."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & _ONES
