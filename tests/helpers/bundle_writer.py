"""A slow, plain writer of TensorFlow V2 checkpoints, for the reader's tests."""

import struct

import numpy as np

DTYPES = {"float32": 1, "float64": 2, "int32": 3, "int64": 9, "uint8": 4, "float16": 19}


def crc32c(data):
    """Bit by bit, by the definition."""
    register = 0xFFFFFFFF
    for octet in bytes(data):
        register ^= octet
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


def masked_crc(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) & 0xFFFFFFFF


def varint(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    """One protobuf field: a number, or bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def block(items, restart_interval=16):
    """A table block with prefix compression, and its trailer."""
    out, restarts, previous = b"", [], b""
    for index, (key, value) in enumerate(items):
        shared = 0
        if index % restart_interval == 0:
            restarts.append(len(out))
        else:
            while shared < min(len(key), len(previous)) and key[shared] == previous[shared]:
                shared += 1
        rest = key[shared:]
        out += varint(shared) + varint(len(rest)) + varint(len(value)) + rest + value
        previous = key
    restarts = restarts or [0]
    out += struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))
    return out + b"\0" + struct.pack("<I", masked_crc(out + b"\0"))


def table(items, items_per_block):
    """A LevelDB table of sorted (key, value) pairs."""
    out, index = b"", []

    def append(data):
        nonlocal out
        handle = varint(len(out)) + varint(len(data) - 5)
        out += data
        return handle

    for start in range(0, len(items), items_per_block):
        part = items[start : start + items_per_block]
        index.append((part[-1][0], append(block(part))))
    footer = append(block([])) + append(block(index, restart_interval=1))
    return out + footer.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)


def write_bundle(prefix, tensors, shards=1, items_per_block=5, extra_fields=None):
    """Write ``prefix``.index and its data files; tensor k goes to shard k % ``shards``."""
    data = [b""] * shards
    items = [(b"", field(1, shards) + field(3, field(1, 1)))]
    for number, name in enumerate(sorted(tensors)):
        value = tensors[name]
        octets = np.ascontiguousarray(value).tobytes()
        shard = number % shards
        shape = b"".join(field(2, field(1, size)) for size in value.shape)
        entry = field(1, DTYPES[str(value.dtype)]) + field(2, shape)
        entry += field(3, shard) if shard else b""
        entry += field(4, len(data[shard])) if data[shard] else b""
        entry += field(5, len(octets)) + varint(6 << 3 | 5) + struct.pack("<I", masked_crc(octets))
        items.append((name.encode(), entry + (extra_fields or {}).get(name, b"")))
        data[shard] += octets
    prefix.with_name(prefix.name + ".index").write_bytes(table(items, items_per_block))
    for shard, octets in enumerate(data):
        prefix.with_name(f"{prefix.name}.data-{shard:05d}-of-{shards:05d}").write_bytes(octets)
