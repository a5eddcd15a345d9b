/**
 * Reads one payload. The bytes may be anything: any that are not a payload lead to a
 * PAYLOAD_CORRUPT that names the place. Reading takes at most a small multiple of the memory of the
 * bytes that are really there.
 */
import { type CallsheetError, PayloadCorruptError } from '../errors.js';
import { BINARY_KINDS, extension, READ_DEPTH_LIMIT, REFERENCE_BYTES } from './payload-format.js';
import { viewClasses } from './storable.js';
import type { HandedBuffer } from './transfer.js';

/** Makes the live object for a stored reference. */
export type ReferenceReader = (id: Uint8Array) => unknown;

/** Returns the buffer at this place in the list beside the payload. */
export type BufferReader = (place: number) => HandedBuffer | undefined;

/** ASCII text up to this length is read in a loop; a call into the runtime costs more. */
const SHORT_TEXT = 24;
/** Longer arrays grow element by element, since a header may claim elements that do not exist. */
const TRUSTED_LENGTH = 1024;
/** Keys seen lately, by a hash of their bytes. Most payloads of one callable have the same keys. */
const KEY_CACHE_SIZE = 1024;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const nothing = new Uint8Array();
const keyCache: string[] = new Array(KEY_CACHE_SIZE).fill('');

/** Reads one payload at a time. Must not be entered again meanwhile. */
export class PayloadReader {
  #bytes: Uint8Array = nothing;
  #reference: ReferenceReader | undefined;
  #buffer: BufferReader | undefined;
  #numbers: DataView | undefined;
  #start = 0;
  #position = 0;
  #end = 0;
  #depth = 0;

  /** Returns the value in these bytes, from `from` to `to`. Throws if it does not end there. */
  read(bytes: Uint8Array, from: number, to: number, reference?: ReferenceReader, buffer?: BufferReader): unknown {
    this.#bytes = bytes;
    this.#start = from;
    this.#position = from;
    this.#end = to;
    this.#reference = reference;
    this.#buffer = buffer;
    this.#depth = 0;
    try {
      const value = this.#value();
      if (this.#position !== to) throw this.#corrupt('bytes follow the value');
      return value;
    } finally {
      // Nothing stays in memory until the next payload.
      this.#bytes = nothing;
      this.#numbers = undefined;
      this.#reference = undefined;
      this.#buffer = undefined;
    }
  }

  #value(): unknown {
    const at = this.#position++;
    if (at >= this.#end) throw this.#corrupt('it ends too early');
    const token = this.#bytes[at]!;
    if (token < 0x80) return token;
    if (token < 0x90) return this.#record(token & 0x0f, {});
    if (token < 0xa0) return this.#array(token & 0x0f);
    if (token < 0xc0) return this.#string(token & 0x1f);
    if (token >= 0xe0) return token - 0x100;
    switch (token) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
        return this.#take(this.#uint8()).slice();
      case 0xc6:
        return this.#take(this.#uint32()).slice();
      case 0xc9:
        return this.#extension(this.#uint32());
      case 0xcb:
        return this.#float64();
      case 0xcc:
        return this.#uint8();
      case 0xcd:
        return this.#uint16();
      case 0xce:
        return this.#uint32();
      case 0xd2:
        return this.#uint32() | 0;
      case 0xd3:
        return this.#view(8).getBigInt64(this.#position - 8);
      case 0xd4:
        return this.#extension(1);
      case 0xd7:
        return this.#extension(8);
      case 0xd8:
        return this.#extension(16);
      case 0xd9:
        return this.#string(this.#uint8());
      case 0xda:
        return this.#string(this.#uint16());
      case 0xdb:
        return this.#string(this.#uint32());
      case 0xdc:
        return this.#array(this.#uint16());
      case 0xdd:
        return this.#array(this.#uint32());
      case 0xde:
        return this.#record(this.#uint16(), {});
      case 0xdf:
        return this.#record(this.#uint32(), {});
      default:
        throw this.#corrupt(`0x${token.toString(16)} is not the first byte of a value`);
    }
  }

  #array(length: number): unknown[] {
    this.#enter(length);
    let array: unknown[];
    if (length <= TRUSTED_LENGTH) {
      array = new Array(length);
      for (let i = 0; i < length; i++) array[i] = this.#value();
    } else {
      array = [];
      for (let i = 0; i < length; i++) array.push(this.#value());
    }
    this.#depth--;
    return array;
  }

  #record(length: number, into: Record<string, unknown>): Record<string, unknown> {
    this.#enter(length * 2);
    for (let i = 0; i < length; i++) {
      const key = this.#key();
      if (key === '__proto__') throw this.#corrupt('a key names the prototype');
      into[key] = this.#value();
    }
    this.#depth--;
    return into;
  }

  #key(): string {
    const token = this.#uint8();
    if (token >= 0xa0 && token < 0xc0) return this.#shortKey(token & 0x1f);
    if (token === 0xd9) return this.#string(this.#uint8());
    if (token === 0xda) return this.#string(this.#uint16());
    if (token === 0xdb) return this.#string(this.#uint32());
    throw this.#corrupt('a key is not text');
  }

  #shortKey(length: number): string {
    const bytes = this.#bytes;
    const start = this.#position;
    if (length > this.#end - start) throw this.#corrupt('it ends too early');
    let hash = length;
    for (let i = start; i < start + length; i++) hash = (Math.imul(hash, 31) + bytes[i]!) | 0;
    const slot = (hash >>> 0) % KEY_CACHE_SIZE;
    const known = keyCache[slot]!;
    if (known.length === length && isAsciiAt(known, bytes, start)) {
      this.#position = start + length;
      return known;
    }
    const key = this.#string(length);
    keyCache[slot] = key;
    return key;
  }

  #string(length: number): string {
    const bytes = this.#bytes;
    const start = this.#position;
    if (length > this.#end - start) throw this.#corrupt('it ends too early');
    this.#position = start + length;
    if (length <= SHORT_TEXT) {
      let text = '';
      let i = start;
      for (; i < start + length && bytes[i]! < 0x80; i++) text += String.fromCharCode(bytes[i]!);
      if (i === start + length) return text;
    }
    try {
      return utf8.decode(bytes.subarray(start, start + length));
    } catch {
      throw this.#corrupt('its text is not UTF-8');
    }
  }

  #extension(length: number): unknown {
    const type = this.#uint8();
    const end = this.#position + length;
    if (end > this.#end) throw this.#corrupt('it ends too early');
    const value = this.#extended(type, length, end);
    if (this.#position !== end) throw this.#corrupt('the length of an extension is wrong');
    return value;
  }

  #extended(type: number, length: number, end: number): unknown {
    switch (type) {
      case extension.undefined:
        if (length !== 1 || this.#uint8() !== 0) throw this.#corrupt('its undefined is malformed');
        return undefined;
      case extension.bigint:
        return this.#bigint(length);
      case extension.date:
        return this.#date(length);
      case extension.map: {
        const flat = this.#list();
        if (flat.length % 2 !== 0) throw this.#corrupt('a Map has a key without a value');
        const map = new Map();
        for (let i = 0; i < flat.length; i += 2) map.set(flat[i], flat[i + 1]);
        return map;
      }
      case extension.set:
        return new Set(this.#list());
      case extension.nullPrototype:
        return this.#nullPrototype();
      case extension.regExp:
        return this.#regExp();
      case extension.binary:
        return this.#binary(end);
      case extension.buffer:
        return this.#handedOver();
      case extension.reference:
        if (length !== REFERENCE_BYTES) throw this.#corrupt('the id of a reference is malformed');
        if (this.#reference === undefined) throw this.#corrupt('it refers to a job, which is not allowed here');
        return this.#reference(this.#take(REFERENCE_BYTES).slice());
      default:
        throw this.#corrupt(`0x${type.toString(16)} is not an extension type`);
    }
  }

  #bigint(length: number): bigint {
    const sign = this.#uint8();
    const magnitude = this.#take(length - 1);
    if (sign > 1 || magnitude.length === 0) throw this.#corrupt('a bigint is malformed');
    const digits = Buffer.from(magnitude.buffer, magnitude.byteOffset, magnitude.length).toString('hex');
    let value: bigint;
    try {
      value = BigInt(`0x${digits}`);
    } catch {
      throw this.#corrupt('a bigint is larger than this machine allows');
    }
    return sign === 1 ? -value : value;
  }

  #date(length: number): Date {
    const date = new Date(length === 8 ? this.#float64() : Number.NaN);
    if (Number.isNaN(date.getTime())) throw this.#corrupt('a Date is invalid');
    return date;
  }

  /** The array inside an extension. Nested extensions would escape the depth limit. */
  #list(): unknown[] {
    const token = this.#uint8();
    if (token >= 0x90 && token < 0xa0) return this.#array(token & 0x0f);
    if (token === 0xdc) return this.#array(this.#uint16());
    if (token === 0xdd) return this.#array(this.#uint32());
    throw this.#corrupt('an extension does not hold the array that it should');
  }

  #nullPrototype(): unknown {
    const token = this.#uint8();
    const into = Object.create(null) as Record<string, unknown>;
    if (token >= 0x80 && token < 0x90) return this.#record(token & 0x0f, into);
    if (token === 0xde) return this.#record(this.#uint16(), into);
    if (token === 0xdf) return this.#record(this.#uint32(), into);
    throw this.#corrupt('an extension does not hold the map that it should');
  }

  #regExp(): RegExp {
    const [source, flags, lastIndex] = this.#list();
    if (typeof source === 'string' && typeof flags === 'string' && typeof lastIndex === 'number') {
      try {
        const made = new RegExp(source, flags);
        made.lastIndex = lastIndex;
        return made;
      } catch {
        // Reported below with the other malformed values.
      }
    }
    throw this.#corrupt('a RegExp is malformed');
  }

  #binary(end: number): unknown {
    const kind = BINARY_KINDS[this.#uint8()];
    const content = this.#take(end - this.#position);
    if (kind === undefined) throw this.#corrupt('its binary data is of no known kind');
    // Copied for alignment, and since the payload may itself be a view of a larger buffer.
    if (kind === 'Buffer') return Buffer.from(content.slice().buffer);
    const buffer = content.slice().buffer;
    if (kind === 'ArrayBuffer') return buffer;
    try {
      // Each of the classes is made from a buffer.
      return new globalThis[kind as 'DataView'](buffer);
    } catch {
      throw this.#corrupt(`the length of its ${kind} is wrong`);
    }
  }

  /** A buffer that travelled beside the payload, or a view of it. */
  #handedOver(): unknown {
    const [kind, place, offset, length] = this.#list() as [unknown, number, number, number];
    const buffer = this.#buffer?.(place);
    if (buffer === undefined) throw this.#corrupt('a buffer that travelled beside it is not there');
    if (kind === 'SharedArrayBuffer' || kind === 'ArrayBuffer') return buffer;
    try {
      if (kind === 'Buffer') return Buffer.from(buffer, offset, length);
      if (kind === 'DataView') return new DataView(buffer, offset, length);
      if (Object.hasOwn(viewClasses, kind as string)) {
        const View = viewClasses[kind as 'Uint8Array'];
        return new View(buffer, offset, length / View.BYTES_PER_ELEMENT);
      }
    } catch {
      // Reported below with the other malformed values.
    }
    throw this.#corrupt('a view of a buffer beside it is malformed');
  }

  /** Enters a level that claims this many values, each of at least one byte. */
  #enter(values: number): void {
    if (values > this.#end - this.#position) throw this.#corrupt('it ends too early');
    if (++this.#depth > READ_DEPTH_LIMIT) throw this.#corrupt('it is nested too deeply');
  }

  #take(length: number): Uint8Array {
    const start = this.#position;
    if (length < 0 || length > this.#end - start) throw this.#corrupt('it ends too early');
    this.#position = start + length;
    // A plain Uint8Array: its `slice` copies, a Buffer's does not.
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + start, length);
  }

  #uint8(): number {
    const at = this.#position++;
    if (at >= this.#end) throw this.#corrupt('it ends too early');
    return this.#bytes[at]!;
  }

  #uint16(): number {
    return (this.#uint8() << 8) | this.#uint8();
  }

  #uint32(): number {
    return this.#uint16() * 0x10000 + this.#uint16();
  }

  #float64(): number {
    return this.#view(8).getFloat64(this.#position - 8);
  }

  /** Skips `length` bytes. Returns a view of the whole payload to read them with. */
  #view(length: number): DataView {
    if (length > this.#end - this.#position) throw this.#corrupt('it ends too early');
    this.#position += length;
    this.#numbers ??= new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength);
    return this.#numbers;
  }

  #corrupt(reason: string): CallsheetError {
    return new PayloadCorruptError(`A payload is damaged near byte ${this.#position - this.#start}: ${reason}.`);
  }
}

function isAsciiAt(text: string, bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80 || unit !== bytes[start + i]) return false;
  }
  return true;
}
