/**
 * Puts the bytes of a payload together: the msgpack of single values, and a buffer that grows up to
 * a limit. Knows the format, but not which values may be stored or where a value stands.
 */
import { mostCopied } from './bytes.js';
import { BINARY_KINDS, extension } from './payload-format.js';
import { isWellFormed } from './storable.js';

/** Buffer kept between payloads, so that a small payload allocates only its own bytes. */
const SLAB_BYTES = 16 * 1024;
const FULL_PART = 0.9;
/** Text up to this length is written in a loop; a call into the runtime costs more. */
const SHORT_TEXT = 48;
/** Shorter payloads are lent in views that are kept: a new view takes more memory than they do. */
const lentViews = 64;
/** The longest head of a value, or number. */
const HEAD_BYTES = 16;

/** Thrown at the limit. The caller, which knows the path, makes the user's error of it. */
export class LimitReached extends Error {}

/** Holds the bytes of one payload at a time. */
export class PayloadSink {
  #bytes = new Uint8Array(SLAB_BYTES);
  #text = Buffer.from(this.#bytes.buffer);
  #numbers = new DataView(this.#bytes.buffer);
  #position = 0;
  #limitBytes = 0;
  /** Views of the beginning of `#bytes`, by length. */
  readonly #views: (Uint8Array | undefined)[] = [];

  /** Begins a payload of at most `limitBytes`. */
  begin(limitBytes: number): void {
    this.#position = 0;
    this.#limitBytes = limitBytes;
  }

  /**
   * Returns the payload, in a buffer of its own and of exactly its size. A large one that fills
   * most of the sink's memory gets that, since a copy would hold up the thread.
   */
  finish(): Uint8Array {
    const length = this.#position;
    if (length > this.#limitBytes) throw new LimitReached();
    const isOwn = length > mostCopied && length > FULL_PART * this.#bytes.length;
    return isOwn ? this.#bytes.subarray(0, length) : this.#bytes.slice(0, length);
  }

  /** Returns the payload in memory that the next one overwrites. */
  lend(): Uint8Array {
    const length = this.#position;
    if (length > this.#limitBytes) throw new LimitReached();
    if (length >= lentViews) return this.finish();
    let view = this.#views[length];
    if (view === undefined) {
      view = this.#bytes.subarray(0, length);
      this.#views[length] = view;
    }
    return view;
  }

  /** Frees the memory of a large payload. */
  release(): void {
    if (this.#bytes.length > SLAB_BYTES) this.#use(new Uint8Array(SLAB_BYTES));
  }

  /** Bytes that the payload may still take. */
  get leftBytes(): number {
    return this.#limitBytes - this.#position;
  }

  null(): void {
    this.#room(HEAD_BYTES);
    this.#bytes[this.#position++] = 0xc0;
  }

  undefined(): void {
    this.#room(HEAD_BYTES);
    this.#bytes[this.#position++] = 0xd4;
    this.#bytes[this.#position++] = extension.undefined;
    this.#bytes[this.#position++] = 0;
  }

  boolean(value: boolean): void {
    this.#room(HEAD_BYTES);
    this.#bytes[this.#position++] = value ? 0xc3 : 0xc2;
  }

  number(value: number): void {
    this.#room(HEAD_BYTES);
    if (value >>> 0 === value && !Object.is(value, -0)) {
      if (value < 0x80) this.#bytes[this.#position++] = value;
      else if (value < 0x100) this.#head8(0xcc, value);
      else if (value < 0x10000) this.#head16(0xcd, value);
      else this.#head32(0xce, value);
    } else if (value >> 0 === value && !Object.is(value, -0)) {
      if (value >= -0x20) this.#bytes[this.#position++] = 0x100 + value;
      else this.#head32(0xd2, value);
    } else {
      this.#bytes[this.#position++] = 0xcb;
      this.#float64(value);
    }
  }

  bigint(value: bigint): void {
    this.#room(HEAD_BYTES);
    if (BigInt.asIntN(64, value) === value) {
      this.#bytes[this.#position++] = 0xd3;
      this.#numbers.setBigInt64(this.#position, value);
      this.#position += 8;
      return;
    }
    const negative = value < 0n;
    const digits = (negative ? -value : value).toString(16);
    const magnitude = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
    this.#extensionHead(extension.bigint, magnitude.length + 1);
    this.#bytes[this.#position++] = negative ? 1 : 0;
    this.#raw(magnitude);
  }

  /** Writes text. Returns `false`, and writes nothing, if it has a lone surrogate. */
  text(value: string): boolean {
    if (value.length <= SHORT_TEXT && this.#shortAscii(value)) return true;
    if (!isWellFormed(value)) return false;
    const length = Buffer.byteLength(value);
    this.#room(length + HEAD_BYTES);
    if (length < 0x20) this.#bytes[this.#position++] = 0xa0 | length;
    else if (length < 0x100) this.#head8(0xd9, length);
    else if (length < 0x10000) this.#head16(0xda, length);
    else this.#head32(0xdb, length);
    this.#text.write(value, this.#position, length, 'utf8');
    this.#position += length;
    return true;
  }

  date(time: number): void {
    this.#room(HEAD_BYTES);
    this.#bytes[this.#position++] = 0xd7;
    this.#bytes[this.#position++] = extension.date;
    this.#float64(time);
  }

  reference(id: Uint8Array): void {
    this.#room(HEAD_BYTES + id.length);
    this.#bytes[this.#position++] = 0xd8;
    this.#bytes[this.#position++] = extension.reference;
    this.#raw(id);
  }

  bytes(content: Uint8Array): void {
    this.#room(content.length + HEAD_BYTES);
    if (content.length < 0x100) this.#head8(0xc4, content.length);
    else this.#head32(0xc6, content.length);
    this.#raw(content);
  }

  binary(kind: (typeof BINARY_KINDS)[number], content: Uint8Array): void {
    this.#extensionHead(extension.binary, content.length + 1);
    this.#bytes[this.#position++] = BINARY_KINDS.indexOf(kind);
    this.#raw(content);
  }

  arrayHead(length: number): void {
    this.#room(HEAD_BYTES);
    if (length < 0x10) this.#bytes[this.#position++] = 0x90 | length;
    else if (length < 0x10000) this.#head16(0xdc, length);
    else this.#head32(0xdd, length);
  }

  mapHead(length: number): void {
    this.#room(HEAD_BYTES);
    if (length < 0x10) this.#bytes[this.#position++] = 0x80 | length;
    else if (length < 0x10000) this.#head16(0xde, length);
    else this.#head32(0xdf, length);
  }

  /** Begins an extension that holds msgpack. Returns its start, for `endExtension`. */
  beginExtension(type: number): number {
    this.#extensionHead(type, 0);
    return this.#position;
  }

  endExtension(start: number): void {
    this.#numbers.setUint32(start - 5, this.#position - start);
  }

  #extensionHead(type: number, length: number): void {
    this.#room(length + HEAD_BYTES);
    this.#head32(0xc9, length);
    this.#bytes[this.#position++] = type;
  }

  /** Writes short ASCII text. Returns `false` for any other; later writes overwrite its bytes. */
  #shortAscii(value: string): boolean {
    this.#room(SHORT_TEXT + HEAD_BYTES);
    const bytes = this.#bytes;
    const length = value.length;
    let at = this.#position;
    if (length < 0x20) {
      bytes[at++] = 0xa0 | length;
    } else {
      bytes[at++] = 0xd9;
      bytes[at++] = length;
    }
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i);
      if (unit >= 0x80) return false;
      bytes[at++] = unit;
    }
    this.#position = at;
    return true;
  }

  #head8(token: number, value: number): void {
    this.#bytes[this.#position++] = token;
    this.#bytes[this.#position++] = value;
  }

  #head16(token: number, value: number): void {
    this.#bytes[this.#position++] = token;
    this.#bytes[this.#position++] = value >> 8;
    this.#bytes[this.#position++] = value & 0xff;
  }

  #head32(token: number, value: number): void {
    this.#bytes[this.#position++] = token;
    this.#numbers.setUint32(this.#position, value);
    this.#position += 4;
  }

  #float64(value: number): void {
    this.#numbers.setFloat64(this.#position, value);
    this.#position += 8;
  }

  #raw(content: Uint8Array): void {
    this.#bytes.set(content, this.#position);
    this.#position += content.length;
  }

  #room(more: number): void {
    if (this.#position + more > this.#bytes.length) this.#grow(this.#position + more);
  }

  /** Takes memory only within the limit. `needed` is rounded up and may exceed it. */
  #grow(needed: number): void {
    const most = this.#limitBytes + SHORT_TEXT + HEAD_BYTES;
    if (needed > most) throw new LimitReached();
    const grown = new Uint8Array(Math.max(needed, Math.min(this.#bytes.length * 2, most)));
    grown.set(this.#bytes.subarray(0, this.#position));
    this.#use(grown);
  }

  #use(bytes: Uint8Array<ArrayBuffer>): void {
    this.#bytes = bytes;
    this.#text = Buffer.from(bytes.buffer);
    this.#numbers = new DataView(bytes.buffer);
    this.#views.length = 0;
  }
}
