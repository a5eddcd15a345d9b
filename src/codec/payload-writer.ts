/**
 * Walks over a value and writes its bytes in one pass. Each property is read once and written as it
 * was read, so that no getter or Proxy can show one value to the check and another to the writer.
 *
 * msgpackr is deliberately not used here. Its registry of extensions is global to the process, so
 * an application that registers its own would change the content of our journals. It reads some
 * bytes differently with and without its optional native part (long text that begins with U+FEFF).
 * It writes −0 as 0 and Maps as objects, and its errors have no path. The bytes are standard
 * msgpack; a test reads them with msgpackr.
 */
import { types } from 'node:util';
import { NotStorableError } from '../errors.js';
import { DEFAULT_LIMIT_BYTES, DEPTH_LIMIT, extension, OBJECT_LIMIT, REFERENCE_BYTES } from './payload-format.js';
import { LimitReached, PayloadSink } from './payload-sink.js';
import {
  extraPropertyRefusal,
  prototypeHere,
  refusal,
  specialKind,
  symbolRefusal,
  type ViewKind,
  viewPropertyRefusal,
} from './storable.js';
import { type HandedBuffer, isHandedOver } from './transfer.js';

type NotStorableCode = 'ARGUMENT_NOT_STORABLE' | 'RESULT_NOT_STORABLE';

/** Returns the 16-byte id of a live handle, or undefined for any other object. */
type HandleId = (value: object) => Uint8Array | undefined;

/** Takes a buffer that travels beside the payload. Returns its place there. */
type HandOver = (buffer: HandedBuffer) => number;

/** A step of a path that is neither a property nor an index; `text` is its spelling. */
interface NamedStep {
  readonly text: string;
}

/** See `EncodeOptions`. */
interface WriteOptions {
  readonly limitBytes?: number | undefined;
  readonly limitName?: string | undefined;
  readonly reference?: HandleId | undefined;
  readonly handOver?: HandOver | undefined;
}

/** Writes one payload at a time. Must not be entered again meanwhile. */
export class PayloadWriter {
  readonly #sink = new PayloadSink();
  /**
   * The objects above the current value, and the step taken in each. Read only for an error's path.
   */
  readonly #ancestors: unknown[] = [];
  readonly #steps: (string | number | NamedStep)[] = [];
  #depth = 0;
  #objects = 0;
  #root = '';
  #code: NotStorableCode = 'ARGUMENT_NOT_STORABLE';
  #handleId: HandleId | undefined;
  #handOver: HandOver | undefined;

  /**
   * Returns the payload, or throws a NotStorableError. `isOwnArray`: only the elements are checked.
   * `isLent`: the next payload overwrites the bytes.
   */
  write(
    value: unknown,
    root: string,
    code: NotStorableCode,
    { limitBytes = DEFAULT_LIMIT_BYTES, limitName, reference, handOver }: WriteOptions,
    isOwnArray: boolean,
    isLent: boolean,
  ): Uint8Array {
    this.#root = root;
    this.#code = code;
    this.#handleId = reference;
    this.#handOver = handOver;
    this.#depth = 0;
    this.#objects = 0;
    this.#sink.begin(limitBytes);
    try {
      if (isOwnArray) this.#elements(value as readonly unknown[]);
      else this.#value(value);
      return isLent ? this.#sink.lend() : this.#sink.finish();
    } catch (error) {
      const worded = this.#worded(error, limitBytes, limitName);
      this.#ancestors.length = 0;
      throw worded;
    } finally {
      this.#handleId = undefined;
      this.#handOver = undefined;
      this.#sink.release();
    }
  }

  #value(value: unknown): void {
    switch (typeof value) {
      case 'string':
        if (!this.#sink.text(value)) throw this.#refused('is text with a lone surrogate, which cannot be stored');
        break;
      case 'number':
        this.#sink.number(value);
        break;
      case 'object':
        if (value === null) this.#sink.null();
        else this.#object(value);
        break;
      case 'boolean':
        this.#sink.boolean(value);
        break;
      case 'undefined':
        this.#sink.undefined();
        break;
      case 'bigint':
        this.#sink.bigint(value);
        break;
      default:
        throw this.#refused(refusal(value));
    }
  }

  #object(value: object): void {
    if (++this.#objects > OBJECT_LIMIT)
      throw this.#tooLarge(`has more than ${OBJECT_LIMIT} objects in it, which no option changes`);
    const prototype: object | null = Object.getPrototypeOf(value);
    if (prototype === Object.prototype) this.#record(value);
    else if (prototype === Array.prototype && Array.isArray(value)) this.#array(value);
    else this.#special(value, prototype);
  }

  /** Writes a plain object from its property descriptors. Getters are never run. */
  #record(value: object): void {
    const keys = Object.keys(value);
    // In this order, since `keys` fills the cache from which V8 answers `getOwnPropertyNames`.
    if (Object.getOwnPropertyNames(value).length !== keys.length) {
      throw this.#refused('has a property that is not enumerable, which cannot be stored');
    }
    this.#refuse(symbolRefusal(value));
    const depth = this.#enter(value);
    const length = keys.length;
    this.#sink.mapHead(length);
    for (let i = 0; i < length; i++) {
      const key = keys[i]!;
      this.#steps[depth] = key;
      const property = Object.getOwnPropertyDescriptor(value, key);
      if (property === undefined || property.get !== undefined || property.set !== undefined) {
        throw this.#refused('is a getter or setter, which cannot be stored');
      }
      if (key === '__proto__') throw this.#refused('has a key that names the prototype, which cannot be stored');
      if (!this.#sink.text(key)) throw this.#refused('has a key with a lone surrogate, which cannot be stored');
      this.#value(property.value);
    }
    this.#leave();
  }

  /**
   * Writes an array. Reads its elements directly, since a descriptor for each would cost many times
   * the rest. Refuses enumerable named properties, and does not look for others (the `raw` of a
   * template).
   */
  #array(value: readonly unknown[]): void {
    if (value.length > this.#sink.leftBytes) throw new LimitReached();
    const present = Object.values(value).length;
    if (present < value.length) throw this.#refused('is an array with holes, which cannot be stored');
    if (present > value.length) throw this.#refused('is an array with properties of its own, which cannot be stored');
    this.#refuse(symbolRefusal(value));
    this.#elements(value);
  }

  #elements(value: readonly unknown[]): void {
    const depth = this.#enter(value);
    const length = value.length;
    this.#sink.arrayHead(length);
    for (let i = 0; i < length; i++) {
      this.#steps[depth] = i;
      const element = value[i];
      if (element === undefined && !Object.hasOwn(value, i)) {
        throw this.#refused('is a hole in an array, which cannot be stored');
      }
      this.#value(element);
    }
    this.#leave();
  }

  #special(value: object, prototype: object | null): void {
    const id = this.#handleId?.(value);
    if (id !== undefined) {
      if (id.length !== REFERENCE_BYTES) throw new RangeError(`the id of a job has ${id.length} bytes`);
      this.#sink.reference(id);
      return;
    }
    if (prototype === null) {
      const start = this.#sink.beginExtension(extension.nullPrototype);
      this.#record(value);
      this.#sink.endExtension(start);
      return;
    }
    const home = prototypeHere(prototype) ?? prototype;
    if (home === Object.prototype) return this.#record(value);
    if (home === Array.prototype && Array.isArray(value)) return this.#array(value);
    const kind = specialKind(value, home);
    switch (kind) {
      case undefined:
        if (!types.isSharedArrayBuffer(value)) throw this.#refused(refusal(value));
        this.#handedOver('SharedArrayBuffer', value as SharedArrayBuffer, 0, (value as SharedArrayBuffer).byteLength);
        break;
      case 'Date':
        this.#date(value as Date);
        break;
      case 'Map':
        this.#map(value as Map<unknown, unknown>);
        break;
      case 'Set':
        this.#set(value as Set<unknown>);
        break;
      case 'RegExp':
        this.#regExp(value as RegExp);
        break;
      case 'ArrayBuffer':
        this.#arrayBuffer(value as ArrayBuffer);
        break;
      default:
        this.#view(kind, value as ArrayBufferView);
    }
  }

  #date(value: Date): void {
    const time = Date.prototype.getTime.call(value);
    if (Number.isNaN(time)) throw this.#refused('is an invalid Date');
    this.#refuse(extraPropertyRefusal(value, 0));
    this.#sink.date(time);
  }

  #map(value: Map<unknown, unknown>): void {
    this.#refuse(extraPropertyRefusal(value, 0));
    // Listed first: a trap or a `reference` may change the Map meanwhile, which must not change the
    // number of its entries.
    const entries = [...Map.prototype.entries.call(value)];
    const start = this.#sink.beginExtension(extension.map);
    const depth = this.#enter(value);
    this.#sink.arrayHead(entries.length * 2);
    for (const [index, [key, held]] of entries.entries()) {
      this.#steps[depth] = { text: `.keys()[${index}]` };
      this.#value(key);
      this.#steps[depth] = { text: `.get(${keyText(key)})` };
      this.#value(held);
    }
    this.#leave();
    this.#sink.endExtension(start);
  }

  #set(value: Set<unknown>): void {
    this.#refuse(extraPropertyRefusal(value, 0));
    const elements = [...Set.prototype.values.call(value)];
    const start = this.#sink.beginExtension(extension.set);
    const depth = this.#enter(value);
    this.#sink.arrayHead(elements.length);
    for (const [index, element] of elements.entries()) {
      this.#steps[depth] = { text: `.values()[${index}]` };
      this.#value(element);
    }
    this.#leave();
    this.#sink.endExtension(start);
  }

  #regExp(value: RegExp): void {
    this.#refuse(extraPropertyRefusal(value, 1));
    const { lastIndex } = value;
    if (typeof lastIndex !== 'number') throw this.#refused('is a RegExp whose lastIndex is not a number');
    const start = this.#sink.beginExtension(extension.regExp);
    this.#sink.arrayHead(3);
    this.#value(value.source);
    this.#value(value.flags);
    this.#sink.number(lastIndex);
    this.#sink.endExtension(start);
  }

  #arrayBuffer(value: ArrayBuffer): void {
    this.#refuse(extraPropertyRefusal(value, 0));
    if ((value as { resizable?: boolean }).resizable) {
      throw this.#refused('is a resizable ArrayBuffer, which cannot be stored');
    }
    if (isHandedOver(value)) return this.#handedOver('ArrayBuffer', value, 0, value.byteLength);
    this.#sink.binary('ArrayBuffer', this.#bytesOf(value, 0, value.byteLength));
  }

  #view(kind: ViewKind, value: ArrayBufferView): void {
    const { buffer, byteOffset, byteLength } = value;
    if (isHandedOver(buffer)) return this.#handedOver(kind, buffer, byteOffset, byteLength);
    const content = this.#bytesOf(buffer as ArrayBuffer, byteOffset, byteLength);
    this.#refuse(viewPropertyRefusal(kind, value));
    if (kind === 'Uint8Array') this.#sink.bytes(content);
    else this.#sink.binary(kind, content);
  }

  /** Writes the place of a buffer that travels beside the payload, or of a view of one. */
  #handedOver(kind: string, buffer: HandedBuffer, offset: number, length: number): void {
    const isShared = types.isSharedArrayBuffer(buffer);
    if (this.#handOver === undefined) {
      const shared = kind === 'SharedArrayBuffer' ? 'a SharedArrayBuffer' : 'a view of a SharedArrayBuffer';
      const what = isShared ? `is ${shared}` : 'is a buffer marked by transfer()';
      throw this.#refused(
        `${what}, which only arguments of jobs with durability 'memory' can hold, in the process that runs them`,
      );
    }
    if (!isShared) this.#bytesOf(buffer as ArrayBuffer, offset, length);
    const place = this.#handOver(buffer);
    const start = this.#sink.beginExtension(extension.buffer);
    this.#sink.arrayHead(4);
    this.#value(kind);
    for (const number of [place, offset, length]) this.#sink.number(number);
    this.#sink.endExtension(start);
  }

  #bytesOf(buffer: ArrayBuffer, offset: number, length: number): Uint8Array {
    try {
      return new Uint8Array(buffer, offset, length);
    } catch {
      throw this.#refused('is a detached buffer: it was transferred elsewhere');
    }
  }

  /** Enters a level of the value. Returns the index of its steps. */
  #enter(value: object): number {
    const depth = this.#depth++;
    this.#ancestors[depth] = value;
    if (this.#depth > DEPTH_LIMIT)
      throw this.#tooLarge(`is nested more than ${DEPTH_LIMIT} levels deep, which no option changes`);
    return depth;
  }

  #leave(): void {
    this.#ancestors[--this.#depth] = undefined;
  }

  #refuse(reason: string | undefined): void {
    if (reason !== undefined) throw this.#refused(reason);
  }

  #refused(reason: string): NotStorableError {
    return new NotStorableError(this.#code, this.#path(this.#depth), reason);
  }

  /** Looks for cycles only here: any cycle passes a limit, so looking costs nothing before. */
  #tooLarge(reason: string): NotStorableError {
    const seen = new Map<unknown, number>();
    for (let depth = 0; depth < this.#depth; depth++) {
      const first = seen.get(this.#ancestors[depth]);
      if (first !== undefined) {
        const cycle = `is ${this.#path(first)} again: a cycle, which cannot be stored`;
        return new NotStorableError(this.#code, this.#path(depth), cycle);
      }
      seen.set(this.#ancestors[depth], depth);
    }
    return new NotStorableError('PAYLOAD_TOO_LARGE', this.#root, reason);
  }

  /** Makes the user's error of a thrown value. */
  #worded(error: unknown, bytes: number, name = 'payloadLimitBytes of open()'): NotStorableError {
    if (error instanceof NotStorableError) return error;
    if (error instanceof LimitReached)
      return this.#tooLarge(`needs more than ${bytes} bytes, which is ${name}: store it elsewhere and pass its place`);
    // From the trap of a Proxy, an array's getter, `reference`, or a caller's stack that is nearly
    // full.
    return this.#refused(`cannot be stored: ${wordsOf(error)}`);
  }

  /** The path of the first `depth` steps. */
  #path(depth: number): string {
    return this.#root + this.#steps.slice(0, depth).map(stepText).join('');
  }
}

function stepText(step: string | number | NamedStep): string {
  if (typeof step === 'number') return `[${step}]`;
  if (typeof step === 'object') return step.text;
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(step) ? `.${step}` : `[${keyText(step)}]`;
}

/** A key as a user would write it. */
function keyText(key: unknown): string {
  if (typeof key === 'string') return JSON.stringify(key.length > 100 ? `${key.slice(0, 100)}…` : key);
  return typeof key === 'number' || typeof key === 'boolean' ? String(key) : '…';
}

function wordsOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? thrown.message : String(thrown);
  } catch {
    return 'an error without words';
  }
}
