/**
 * The messages between this page and the lab; protocol.py is the other end, to the byte, and describes them.
 *
 * @typedef {{ shape: number[], data: Float32Array | Float64Array | Int32Array | Uint8Array }} Tensor
 */

export const VERSION = 1;

const TYPES = { f4: Float32Array, f8: Float64Array, i4: Int32Array, u1: Uint8Array };

/** @param {any} value @returns {value is Tensor} */
export const isTensor = (value) => value !== null && typeof value === "object" && ArrayBuffer.isView(value.data) && Array.isArray(value.shape);

/**
 * The frame of a message, in which arrays may be Tensors.
 * @param {any} message
 * @returns {Uint8Array}
 */
export function pack(message) {
  const parts = [];
  let length = 0;
  const text = new TextEncoder().encode(JSON.stringify(message, (_, value) => {
    if (!isTensor(value)) return value;
    const bytes = new Uint8Array(value.data.buffer, value.data.byteOffset, value.data.byteLength);
    const [dtype] = Object.entries(TYPES).find(([, type]) => value.data instanceof type) ?? [];
    const place = { $: [dtype, value.shape, length, bytes.length] };
    parts.push([length, bytes]);
    length += Math.ceil(bytes.length / 8) * 8;
    return place;
  }));
  const start = Math.ceil((4 + text.length) / 8) * 8;
  const frame = new Uint8Array(start + length);
  new DataView(frame.buffer).setUint32(0, text.length, true);
  frame.set(text, 4);
  for (const [offset, bytes] of parts) frame.set(bytes, start + offset);
  return frame;
}

/**
 * The message of a frame, its arrays as Tensors that look into it.
 * @param {ArrayBuffer} frame
 * @returns {any}
 */
export function unpack(frame) {
  const size = new DataView(frame).getUint32(0, true);
  const start = Math.ceil((4 + size) / 8) * 8;
  return JSON.parse(new TextDecoder().decode(new Uint8Array(frame, 4, size)), (_, value) => {
    if (!value?.$) return value;
    const [dtype, shape, offset, bytes] = value.$;
    return { shape, data: new TYPES[dtype](frame, start + offset, bytes / TYPES[dtype].BYTES_PER_ELEMENT) };
  });
}
