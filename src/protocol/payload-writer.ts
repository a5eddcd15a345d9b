/**
 * The walk over a value and the writing of its bytes, in one pass: every property is looked at once and written as it was
 * seen, so that nothing (a getter, a Proxy) can show one thing to a check and another to the writer.
 *
 * msgpackr is not used here on purpose. Its registry of extensions is one for the whole process, so an application that
 * registers its own would change what lies in our journals; it reads some bytes differently with and without its
 * optional native part (a text that begins with U+FEFF); it writes −0 as 0, Maps as objects, and cannot tell where a
 * value stands. The bytes are standard msgpack, which a test has msgpackr read.
 */
import { types } from 'node:util';
import { NotStorableError } from '../errors.js';
import { BINARY_KINDS, DEPTH_LIMIT, extension, OBJECT_LIMIT, REFERENCE_BYTES } from './payload-format.js';
import {
  extraPropertyRefusal,
  isWellFormed,
  refusal,
  specialKind,
  symbolRefusal,
  type ViewKind,
  viewPropertyRefusal,
} from './storable.js';

/** The codes of a value that cannot be stored. */
type NotStorableCode = 'ARGUMENT_NOT_STORABLE' | 'RESULT_NOT_STORABLE';

/** A step of a path that is neither a property nor an index. */
interface NamedStep {
  readonly text: string;
}

/** What is kept between two payloads, so that a small one costs no allocation but its own. */
const SLAB_BYTES = 16 * 1024;
/** Text shorter than this is written by a loop; the call into the runtime is dearer for it. */
const SHORT_TEXT = 48;

/** Writes one payload at a time; not to be entered again while it does. */
export class PayloadWriter {
  #bytes = new Uint8Array(SLAB_BYTES);
  #text = Buffer.from(this.#bytes.buffer);
  #numbers = new DataView(this.#bytes.buffer);
  #position = 0;
  #depth = 0;
  #objects = 0;
  /** The way to the value being written: the objects, and the step taken in each. Read only to word an error. */
  readonly #ancestors: unknown[] = [];
  readonly #steps: (string | number | NamedStep)[] = [];
  #root = '';
  #code: NotStorableCode = 'ARGUMENT_NOT_STORABLE';
  #limitBytes = 0;
  #handleId: ((value: object) => Uint8Array | undefined) | undefined;

  /** The payload of the value, or a NotStorableError. The arguments are as in `EncodeOptions`. */
  write(
    value: unknown,
    root: string,
    code: NotStorableCode,
    limitBytes: number,
    handleId: ((value: object) => Uint8Array | undefined) | undefined,
  ): Uint8Array {
    this.#root = root;
    this.#code = code;
    this.#limitBytes = limitBytes;
    this.#handleId = handleId;
    this.#position = 0;
    this.#depth = 0;
    this.#objects = 0;
    try {
      this.#value(value);
      if (this.#position > limitBytes) throw this.#tooManyBytes();
      return this.#bytes.slice(0, this.#position);
    } catch (error) {
      if (error instanceof NotStorableError) throw error;
      // A getter of an array, a trap of a Proxy, or the caller's own stack being all but used up.
      throw this.#refused(`cannot be read: ${wordsOf(error)}`);
    } finally {
      this.#release();
    }
  }

  #value(value: unknown): void {
    if (this.#position + 10 > this.#bytes.length) this.#makeRoom(10);
    switch (typeof value) {
      case 'string':
        return this.#string(value);
      case 'number':
        return this.#number(value);
      case 'object':
        if (value === null) this.#bytes[this.#position++] = 0xc0;
        else this.#object(value);
        return;
      case 'boolean':
        this.#bytes[this.#position++] = value ? 0xc3 : 0xc2;
        return;
      case 'undefined':
        this.#bytes[this.#position++] = 0xd4;
        this.#bytes[this.#position++] = extension.undefined;
        this.#bytes[this.#position++] = 0;
        return;
      case 'bigint':
        return this.#bigint(value);
      default:
        throw this.#refused(refusal(value));
    }
  }

  #number(value: number): void {
    const bytes = this.#bytes;
    if (value >>> 0 === value && !Object.is(value, -0)) {
      if (value < 0x80) {
        bytes[this.#position++] = value;
      } else if (value < 0x100) {
        bytes[this.#position++] = 0xcc;
        bytes[this.#position++] = value;
      } else if (value < 0x10000) {
        this.#head16(0xcd, value);
      } else {
        this.#head32(0xce, value);
      }
    } else if (value >> 0 === value && !Object.is(value, -0)) {
      if (value >= -0x20) {
        bytes[this.#position++] = 0x100 + value;
      } else {
        bytes[this.#position++] = 0xd2;
        this.#numbers.setInt32(this.#position, value);
        this.#position += 4;
      }
    } else {
      bytes[this.#position++] = 0xcb;
      this.#numbers.setFloat64(this.#position, value);
      this.#position += 8;
    }
  }

  #bigint(value: bigint): void {
    if (BigInt.asIntN(64, value) === value) {
      this.#bytes[this.#position++] = 0xd3;
      this.#numbers.setBigInt64(this.#position, value);
      this.#position += 8;
      return;
    }
    const negative = value < 0n;
    const digits = (negative ? -value : value).toString(16);
    const magnitude = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
    this.#makeRoom(magnitude.length + 8);
    this.#head32(0xc9, magnitude.length + 1);
    this.#bytes[this.#position++] = extension.bigint;
    this.#bytes[this.#position++] = negative ? 1 : 0;
    this.#raw(magnitude);
  }

  #string(value: string): void {
    const length = value.length;
    if (length < SHORT_TEXT && this.#shortAscii(value, length)) return;
    if (!isWellFormed(value)) throw this.#refused('is text with a lone surrogate, which cannot be stored');
    const byteLength = Buffer.byteLength(value);
    this.#makeRoom(byteLength + 5);
    if (byteLength < 0x20) {
      this.#bytes[this.#position++] = 0xa0 | byteLength;
    } else if (byteLength < 0x100) {
      this.#bytes[this.#position++] = 0xd9;
      this.#bytes[this.#position++] = byteLength;
    } else if (byteLength < 0x10000) {
      this.#head16(0xda, byteLength);
    } else {
      this.#head32(0xdb, byteLength);
    }
    this.#text.write(value, this.#position, byteLength, 'utf8');
    this.#position += byteLength;
  }

  /** Writes short text if it is all ASCII; otherwise answers false, and what it wrote will be overwritten. */
  #shortAscii(value: string, length: number): boolean {
    if (this.#position + SHORT_TEXT + 2 > this.#bytes.length) this.#makeRoom(SHORT_TEXT + 2);
    const bytes = this.#bytes;
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

  #object(value: object): void {
    if (++this.#objects > OBJECT_LIMIT) throw this.#tooLarge(`has more than ${OBJECT_LIMIT} objects in it`);
    const prototype: object | null = Object.getPrototypeOf(value);
    if (prototype === Object.prototype) return this.#record(value);
    if (prototype === Array.prototype && Array.isArray(value)) return this.#array(value);
    const id = this.#handleId?.(value);
    if (id !== undefined) return this.#reference(id);
    if (prototype === null) return this.#extended(extension.nullPrototype, () => this.#record(value));
    const kind = specialKind(value, prototype);
    switch (kind) {
      case undefined:
        throw this.#refused(refusal(value));
      case 'Date':
        return this.#date(value as Date);
      case 'Map':
        return this.#map(value as Map<unknown, unknown>);
      case 'Set':
        return this.#set(value as Set<unknown>);
      case 'RegExp':
        return this.#regExp(value as RegExp);
      case 'ArrayBuffer':
        return this.#arrayBuffer(value as ArrayBuffer);
      default:
        return this.#view(kind, value as ArrayBufferView);
    }
  }

  /** A plain object. Its properties are taken from their descriptors: getters are never run. */
  #record(value: object): void {
    const keys = Object.keys(value);
    // In this order: `keys` fills the cache from which V8 answers `getOwnPropertyNames` at once.
    if (Object.getOwnPropertyNames(value).length !== keys.length) {
      throw this.#refused('has a property that is not enumerable, which cannot be stored');
    }
    this.#refuse(symbolRefusal(value));
    this.#enter(value);
    const depth = this.#depth - 1;
    const length = keys.length;
    if (length < 0x10) this.#bytes[this.#position++] = 0x80 | length;
    else if (length < 0x10000) this.#head16(0xde, length);
    else this.#head32(0xdf, length);
    for (let i = 0; i < length; i++) {
      const key = keys[i]!;
      this.#steps[depth] = key;
      const property = Object.getOwnPropertyDescriptor(value, key);
      if (property === undefined || property.get !== undefined || property.set !== undefined) {
        throw this.#refused('is a getter or setter, which cannot be stored');
      }
      if (key === '__proto__') throw this.#refused('is a key that names the prototype, which cannot be stored');
      if (this.#position + 10 > this.#bytes.length) this.#makeRoom(10);
      this.#string(key);
      this.#value(property.value);
    }
    this.#depth = depth;
  }

  /**
   * An array. Its elements are read as any code would read them: a descriptor for each would cost many times the rest.
   * Named properties are refused where they are enumerable; others (the `raw` of a template) are not looked for.
   */
  #array(value: readonly unknown[]): void {
    const length = value.length;
    if (length > this.#limitBytes - this.#position) throw this.#tooManyBytes();
    const present = Object.values(value).length;
    if (present < length) throw this.#refused('is an array with holes, which cannot be stored');
    if (present > length) throw this.#refused('is an array with properties of its own, which cannot be stored');
    this.#refuse(symbolRefusal(value));
    this.#enter(value);
    const depth = this.#depth - 1;
    this.#arrayHead(length);
    for (let i = 0; i < length; i++) {
      this.#steps[depth] = i;
      const element = value[i];
      if (element === undefined && !Object.hasOwn(value, i)) throw this.#refused('is a hole in an array');
      this.#value(element);
    }
    this.#depth = depth;
  }

  #date(value: Date): void {
    const time = Date.prototype.getTime.call(value);
    if (Number.isNaN(time)) throw this.#refused('is an invalid Date');
    this.#refuse(extraPropertyRefusal(value, 0));
    this.#bytes[this.#position++] = 0xd7;
    this.#bytes[this.#position++] = extension.date;
    this.#numbers.setFloat64(this.#position, time);
    this.#position += 8;
  }

  #map(value: Map<unknown, unknown>): void {
    this.#refuse(extraPropertyRefusal(value, 0));
    this.#extended(extension.map, () => {
      const entries = [...Map.prototype.entries.call(value)];
      this.#enter(value);
      this.#arrayHead(entries.length * 2);
      entries.forEach(([key, held], index) => {
        this.#steps[this.#depth - 1] = { text: `.keys()[${index}]` };
        this.#value(key);
        this.#steps[this.#depth - 1] = { text: `.get(${keyText(key)})` };
        this.#value(held);
      });
      this.#depth--;
    });
  }

  #set(value: Set<unknown>): void {
    this.#refuse(extraPropertyRefusal(value, 0));
    this.#extended(extension.set, () => {
      const elements = [...Set.prototype.values.call(value)];
      this.#enter(value);
      this.#arrayHead(elements.length);
      elements.forEach((element, index) => {
        this.#steps[this.#depth - 1] = { text: `.values()[${index}]` };
        this.#value(element);
      });
      this.#depth--;
    });
  }

  #regExp(value: RegExp): void {
    this.#refuse(extraPropertyRefusal(value, 1));
    const { source, flags, lastIndex } = value;
    if (typeof lastIndex !== 'number') throw this.#refused('is a RegExp whose lastIndex is not a number');
    this.#extended(extension.regExp, () => {
      this.#arrayHead(3);
      this.#value(source);
      this.#value(flags);
      this.#value(lastIndex);
    });
  }

  #arrayBuffer(value: ArrayBuffer): void {
    this.#refuse(extraPropertyRefusal(value, 0));
    if ((value as { resizable?: boolean }).resizable) throw this.#refused('is a resizable ArrayBuffer');
    this.#binary('ArrayBuffer', this.#bytesOf(value, 0, value.byteLength));
  }

  #view(kind: ViewKind, value: ArrayBufferView): void {
    if (types.isSharedArrayBuffer(value.buffer)) throw this.#refused('is a view of a SharedArrayBuffer');
    this.#refuse(viewPropertyRefusal(kind, value));
    const content = this.#bytesOf(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength);
    if (kind !== 'Uint8Array') return this.#binary(kind, content);
    this.#makeRoom(content.length + 5);
    if (content.length < 0x100) {
      this.#bytes[this.#position++] = 0xc4;
      this.#bytes[this.#position++] = content.length;
    } else {
      this.#head32(0xc6, content.length);
    }
    this.#raw(content);
  }

  #bytesOf(buffer: ArrayBuffer, offset: number, length: number): Uint8Array {
    try {
      return new Uint8Array(buffer, offset, length);
    } catch {
      throw this.#refused('is a detached buffer: it was transferred elsewhere');
    }
  }

  #binary(kind: (typeof BINARY_KINDS)[number], content: Uint8Array): void {
    this.#makeRoom(content.length + 7);
    this.#head32(0xc9, content.length + 1);
    this.#bytes[this.#position++] = extension.binary;
    this.#bytes[this.#position++] = BINARY_KINDS.indexOf(kind);
    this.#raw(content);
  }

  #reference(id: Uint8Array): void {
    if (id.length !== REFERENCE_BYTES) throw new TypeError(`the id of a reference has ${id.length} bytes`);
    this.#makeRoom(REFERENCE_BYTES + 2);
    this.#bytes[this.#position++] = 0xd8;
    this.#bytes[this.#position++] = extension.reference;
    this.#raw(id);
  }

  /** An extension whose data is msgpack itself: its length is known, and filled in, when the data has been written. */
  #extended(type: number, write: () => void): void {
    this.#makeRoom(6 + 10);
    this.#head32(0xc9, 0);
    this.#bytes[this.#position++] = type;
    const start = this.#position;
    write();
    this.#numbers.setUint32(start - 5, this.#position - start);
  }

  #arrayHead(length: number): void {
    if (length < 0x10) this.#bytes[this.#position++] = 0x90 | length;
    else if (length < 0x10000) this.#head16(0xdc, length);
    else this.#head32(0xdd, length);
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

  #raw(content: Uint8Array): void {
    this.#bytes.set(content, this.#position);
    this.#position += content.length;
  }

  #enter(value: object): void {
    this.#ancestors[this.#depth++] = value;
    if (this.#depth > DEPTH_LIMIT) throw this.#tooLarge(`is nested more than ${DEPTH_LIMIT} levels deep`);
  }

  /** Makes room for so many more bytes, and refuses what would pass the limit before any memory is taken for it. */
  #makeRoom(more: number): void {
    const needed = this.#position + more;
    if (needed <= this.#bytes.length) return;
    // Room is asked for in round numbers, a few bytes more than are then written.
    if (needed > this.#limitBytes + 64) throw this.#tooManyBytes();
    const grown = new Uint8Array(Math.max(needed, Math.min(this.#bytes.length * 2, this.#limitBytes + 64)));
    grown.set(this.#bytes.subarray(0, this.#position));
    this.#use(grown);
  }

  #use(bytes: Uint8Array<ArrayBuffer>): void {
    this.#bytes = bytes;
    this.#text = Buffer.from(bytes.buffer);
    this.#numbers = new DataView(bytes.buffer);
  }

  /** Lets go of the user's objects and of a slab that one large payload needed. */
  #release(): void {
    this.#ancestors.length = 0;
    this.#steps.length = 0;
    if (this.#bytes.length > SLAB_BYTES) this.#use(new Uint8Array(SLAB_BYTES));
  }

  #refuse(reason: string | undefined): void {
    if (reason !== undefined) throw this.#refused(reason);
  }

  #refused(reason: string): NotStorableError {
    return new NotStorableError(this.#code, this.#path(this.#depth), reason);
  }

  #tooManyBytes(): NotStorableError {
    return this.#tooLarge(`needs more than ${this.#limitBytes} bytes`);
  }

  /**
   * A limit was passed. A cycle passes one too, always: so cycles are looked for only here, and cost nothing before.
   */
  #tooLarge(reason: string): NotStorableError {
    const seen = new Map<unknown, number>();
    for (let depth = 0; depth < this.#depth; depth++) {
      const first = seen.get(this.#ancestors[depth]);
      if (first !== undefined) {
        return new NotStorableError(
          this.#code,
          this.#path(depth),
          `is ${this.#path(first)} again: a cycle, which cannot be stored`,
        );
      }
      seen.set(this.#ancestors[depth], depth);
    }
    return new NotStorableError('PAYLOAD_TOO_LARGE', this.#root, reason);
  }

  /** The path to what the first `depth` steps lead to. */
  #path(depth: number): string {
    let path = this.#root;
    for (const step of this.#steps.slice(0, depth)) path += stepText(step);
    return path;
  }
}

function stepText(step: string | number | NamedStep): string {
  if (typeof step === 'number') return `[${step}]`;
  if (typeof step === 'object') return step.text;
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
}

/** A key of a Map, as one would write it. */
function keyText(key: unknown): string {
  if (typeof key === 'string') return JSON.stringify(key.length > 100 ? `${key.slice(0, 100)}…` : key);
  return typeof key === 'object' && key !== null ? '…' : String(key);
}

function wordsOf(thrown: unknown): string {
  try {
    return String((thrown as Error | undefined)?.message ?? thrown);
  } catch {
    return 'an error without words';
  }
}
