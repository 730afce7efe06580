// Bytes of files: CRC, compression, PNG of 16 bits, zip.

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

function crc32(...parts) {
  let crc = ~0;
  for (const part of parts) for (const byte of part) crc = TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

export function joined(parts) {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export function encoded(text) {
  return new TextEncoder().encode(text);
}

/** `format`: "deflate" (zlib) or "deflate-raw". */
async function compressed(bytes, format) {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream(format));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Grey PNG of 16 bits, with `text` {keyword: text}. */
export async function greyPng(values, width, height, text = {}) {
  const rows = new Uint8Array(height * (1 + 2 * width));
  for (let y = 0, to = 0; y < height; y++) {
    to++; // the row's filter: none
    for (let x = 0; x < width; x++) {
      const value = values[y * width + x];
      rows[to++] = value >> 8;
      rows[to++] = value & 255;
    }
  }
  const header = new Uint8Array(13), view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header[8] = 16;
  const chunks = [["IHDR", header]];
  for (const [key, value] of Object.entries(text)) chunks.push(["tEXt", encoded(`${key}\0${value}`)]);
  chunks.push(["IDAT", await compressed(rows, "deflate")], ["IEND", new Uint8Array()]);
  const parts = [Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10)];
  for (const [name, data] of chunks) {
    const kind = encoded(name), ends = new DataView(new ArrayBuffer(8));
    ends.setUint32(0, data.length);
    ends.setUint32(4, crc32(kind, data));
    const around = new Uint8Array(ends.buffer);
    parts.push(around.slice(0, 4), kind, data, around.slice(4));
  }
  return joined(parts);
}

/** A zip file of {name: bytes}. */
export async function zip(files) {
  const parts = [], directory = [];
  let at = 0;
  for (const [name, bytes] of Object.entries(files)) {
    const data = await compressed(bytes, "deflate-raw"), label = encoded(name);
    // Version 2.0, names in UTF-8, deflated, 1 January 1980.
    const fields = [20, 0x800, 8, 0, 0x21];
    const sizes = [crc32(bytes), data.length, bytes.length];
    const local = little([0x04034b50], fields, sizes, [label.length, 0]);
    parts.push(local, label, data);
    directory.push(little([0x02014b50], [20, ...fields], sizes, [label.length, 0, 0, 0, 0], [0, at]), label);
    at += local.length + label.length + data.length;
  }
  const index = joined(directory), count = Object.keys(files).length;
  return joined([...parts, index, little([0x06054b50], [0, 0, count, count], [index.length, at], [0])]);
}

/** Numbers of 4 and of 2 bytes in turn, little-endian. */
function little(...groups) {
  return joined(groups.map((numbers, group) => {
    const wide = group % 2 === 0, view = new DataView(new ArrayBuffer(numbers.length * (wide ? 4 : 2)));
    numbers.forEach((value, i) => (wide ? view.setUint32(i * 4, value, true) : view.setUint16(i * 2, value, true)));
    return new Uint8Array(view.buffer);
  }));
}
