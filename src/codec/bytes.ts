/**
 * Writes and reads numbers, ids and texts in a buffer that grows. Records and packed messages are
 * made of these.
 */

/** More bytes are given away where that is possible: a copy would hold up the thread. */
export const mostCopied = 1 << 20;

export class ByteWriter {
  #bytes = Buffer.allocUnsafe(4096);
  #end = 0;

  /** The bytes written so far, valid until the next `clear`. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#end);
  }

  /**
   * Returns the bytes written so far in a buffer of their own. Many are not copied: the writer
   * gives its memory away, and begins anew.
   */
  copy(): Uint8Array {
    const { buffer, byteOffset, byteLength } = this.bytes;
    if (byteLength <= mostCopied) return new Uint8Array(this.bytes);
    this.#bytes = Buffer.allocUnsafe(4096);
    this.#end = 0;
    return new Uint8Array(buffer, byteOffset, byteLength);
  }

  get length(): number {
    return this.#end;
  }

  clear(): void {
    this.#end = 0;
  }

  u8(value: number): void {
    this.#room(1);
    this.#bytes[this.#end++] = value;
  }

  /** Writes an integer from 0 to 2^53 - 1. Small ones take few bytes. */
  varint(value: number): void {
    this.#room(8);
    let rest = value;
    if (rest >= 0x1000_0000) {
      // Takes the lowest 28 bits off first: the remainder of a large number is a call out of
      // compiled code, that of a small one is not.
      const high = Math.floor(rest / 0x1000_0000);
      let low = rest - high * 0x1000_0000;
      for (let count = 0; count < 4; count++) {
        this.#bytes[this.#end++] = (low & 0x7f) | 0x80;
        low >>>= 7;
      }
      rest = high;
    }
    while (rest >= 0x80) {
      this.#bytes[this.#end++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#end++] = rest;
  }

  f64(value: number): void {
    this.#room(8);
    this.#end = this.#bytes.writeDoubleLE(value, this.#end);
  }

  /** Writes an id's sixteen one-byte characters in a loop: a call into the runtime costs more. */
  id(id: string): void {
    this.#room(16);
    const bytes = this.#bytes;
    const at = this.#end;
    for (let index = 0; index < 16; index++) bytes[at + index] = id.charCodeAt(index);
    this.#end = at + 16;
  }

  text(value: string): void {
    const length = Buffer.byteLength(value);
    this.varint(length);
    this.#room(length);
    this.#end += this.#bytes.write(value, this.#end);
  }

  raw(bytes: Uint8Array): void {
    const { byteLength } = bytes;
    this.#room(byteLength);
    if (byteLength > shortBytes) this.#bytes.set(bytes, this.#end);
    else for (let index = 0; index < byteLength; index++) this.#bytes[this.#end + index] = bytes[index]!;
    this.#end += byteLength;
  }

  #room(count: number): void {
    if (this.#end + count > this.#bytes.length) this.#grow(count);
  }

  #grow(count: number): void {
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#end + count));
    this.#bytes.copy(larger, 0, 0, this.#end);
    this.#bytes = larger;
  }
}

/** Up to this many bytes are copied in a loop. */
const shortBytes = 32;

/** Bytes that `copied` copies at once, since a copy for each small value costs more. */
const copiedBytes = 4096;

/** Reads the output of a `ByteWriter`. Throws a RangeError past the end. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;
  /** The last copy, and the range of `#bytes` in it. */
  #copy: ArrayBuffer | undefined;
  #copiedFrom = 0;
  #copiedTo = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** The index of the next byte. */
  get at(): number {
    return this.#at;
  }

  skip(count: number): void {
    this.#take(count);
  }

  u8(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new RangeError('expected a byte, none left');
    return byte;
  }

  varint(): number {
    const first = this.u8();
    if (first < 0x80) return first;
    let value = first - 0x80;
    for (let scale = 0x80; scale < 2 ** 56; scale *= 0x80) {
      const byte = this.u8();
      value += (byte % 0x80) * scale;
      if (byte < 0x80) return value;
    }
    throw new RangeError('a number has too many bytes');
  }

  f64(): number {
    this.#at += 8;
    return this.#bytes.readDoubleLE(this.#at - 8);
  }

  id(): string {
    const start = this.#take(16);
    return this.#bytes.toString('latin1', start, start + 16);
  }

  text(): string {
    const length = this.varint();
    const start = this.#take(length);
    return this.#bytes.toString('utf8', start, start + length);
  }

  /** Returns a view of the next `count` bytes. Views of a Buffer cost twice as much. */
  bytes(count: number): Uint8Array {
    const start = this.#take(count);
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + start, count);
  }

  /** Copies the next `count` bytes. Keeping the copy does not keep the whole input. */
  copied(count: number): Uint8Array {
    const start = this.#take(count);
    if (start + count > this.#copiedTo) {
      this.#copiedFrom = start;
      this.#copiedTo = Math.min(start + Math.max(count, copiedBytes), this.#bytes.length);
      this.#copy = new Uint8Array(this.#bytes.subarray(start, this.#copiedTo)).buffer;
    }
    return new Uint8Array(this.#copy!, start - this.#copiedFrom, count);
  }

  rest(): Uint8Array {
    return this.bytes(this.left);
  }

  #take(count: number): number {
    if (count > this.left) throw new RangeError(`expected ${count} bytes, ${this.left} left`);
    const start = this.#at;
    this.#at += count;
    return start;
  }
}
