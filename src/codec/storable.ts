/**
 * Knows which values can be stored faithfully, and words the refusal of all others. The writer asks
 * here about every value that is not plain. Knows nothing of bytes.
 */
import { isDeepStrictEqual, types } from 'node:util';

/** Reads the class name that a typed array has inside, whatever its prototype. */
const typedArrayTag = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)!
  .get as (this: unknown) => string | undefined;

/** These methods are in every supported Node, but not yet in the compiler's library for it. */
interface WellFormedText {
  isWellFormed(): boolean;
  toWellFormed(): string;
}

/** Returns `true` if the text has no lone surrogate. */
export function isWellFormed(text: string): boolean {
  return (text as unknown as WellFormedText).isWellFormed();
}

/** Replaces each lone surrogate by U+FFFD. */
export function toWellFormed(text: string): string {
  return (text as unknown as WellFormedText).toWellFormed();
}

/** The carried views of binary data. A Buffer stays a Buffer. */
export const viewClasses = {
  Uint8Array,
  DataView,
  Int8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
} as const;

export type ViewKind = keyof typeof viewClasses | 'Buffer';

/** The kinds of object that are stored neither as a plain object nor as an array. */
export type SpecialKind = 'Date' | 'Map' | 'Set' | 'RegExp' | 'ArrayBuffer' | ViewKind;

/** The carried prototypes, each with a test that an object really is of its prototype's kind. */
const specialKinds = new Map<object | null, { kind: SpecialKind; isReal: (value: unknown) => boolean }>([
  [Date.prototype, { kind: 'Date', isReal: types.isDate }],
  [Map.prototype, { kind: 'Map', isReal: types.isMap }],
  [Set.prototype, { kind: 'Set', isReal: types.isSet }],
  [RegExp.prototype, { kind: 'RegExp', isReal: types.isRegExp }],
  [ArrayBuffer.prototype, { kind: 'ArrayBuffer', isReal: types.isArrayBuffer }],
  [Buffer.prototype, { kind: 'Buffer', isReal: types.isUint8Array }],
]);
for (const [kind, made] of Object.entries(viewClasses)) {
  // A typed array with the prototype of another class would pass for one. Its inner tag does not.
  const isReal = (value: unknown): boolean =>
    kind === 'DataView' ? types.isDataView(value) : typedArrayTag.call(value) === kind;
  specialKinds.set(made.prototype, { kind: kind as ViewKind, isReal });
}

/** The carried prototypes by the name of their class. */
const carriedPrototypes = new Map<string, object>(
  [Object, Array, Date, Map, Set, RegExp, ArrayBuffer, ...Object.values(viewClasses)].map(
    ({ name, prototype }) => [name, prototype as object] as const,
  ),
);

/**
 * Returns this realm's prototype for one of another realm (`vm`, a test runner), or undefined for
 * any other. Only a realm's own classes have the source text that is checked here.
 */
export function prototypeHere(prototype: object): object | undefined {
  if (specialKinds.has(prototype) || types.isProxy(prototype)) return undefined;
  const made: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
  if (typeof made !== 'function' || types.isProxy(made)) return undefined;
  if (Object.getOwnPropertyDescriptor(made, 'prototype')?.value !== prototype) return undefined;
  const [, name] = nativeClass.exec(Function.prototype.toString.call(made)) ?? [];
  return name === undefined ? undefined : carriedPrototypes.get(name);
}

const nativeClass = /^function (\w+)\(\) \{ \[native code\] \}$/;

/** Returns the kind of an object by its prototype, or undefined if it is not carried. */
export function specialKind(value: object, prototype: object | null): SpecialKind | undefined {
  const found = specialKinds.get(prototype);
  return found?.isReal(value) ? found.kind : undefined;
}

/** Returns why a view's own properties cannot be stored, or undefined if it has only elements. */
export function viewPropertyRefusal(kind: ViewKind, value: ArrayBufferView): string | undefined {
  if (kind === 'DataView') return extraPropertyRefusal(value, 0);
  // A list of the property names would have every index of a large array. This compares memory
  // (with itself), and then the properties other than elements.
  const typed = value as Uint8Array<ArrayBuffer>;
  const made = kind === 'Buffer' ? Buffer.from : undefined;
  const bare = made
    ? made(typed.buffer, typed.byteOffset, typed.length)
    : new viewClasses[kind as 'Uint8Array'](typed.buffer, typed.byteOffset, typed.length);
  // A view of another realm is compared with its own prototype.
  Object.setPrototypeOf(bare, Object.getPrototypeOf(typed));
  return isDeepStrictEqual(typed, bare) ? undefined : 'has properties of its own, which cannot be stored';
}

/** Returns why a value is refused, as the end of a sentence that begins with its path. */
export function refusal(value: unknown): string {
  if (typeof value === 'function') return `is a function${quotedName(value.name)}, which cannot be stored`;
  if (typeof value === 'symbol') return 'is a symbol, which cannot be stored';
  const object = value as object;
  if (types.isNativeError(object)) return `is an error (${kindText(object)}), which is thrown, not stored as a value`;
  if (types.isPromise(object)) return 'is a Promise: await it first';
  if (types.isProxy(object)) return `is a Proxy of ${kindText(object)}, which cannot be stored`;
  return `is ${kindText(object)}: instances of classes cannot be stored`;
}

/** Returns the object's class with an article, as far as possible without running a user's code. */
export function kindText(value: object): string {
  try {
    for (
      let at: unknown = Object.getPrototypeOf(value);
      at !== null && at !== Object.prototype;
      at = Object.getPrototypeOf(at)
    ) {
      const made: unknown = Object.getOwnPropertyDescriptor(at, 'constructor')?.value;
      if (typeof made !== 'function') continue;
      const name: unknown = Object.getOwnPropertyDescriptor(made, 'name')?.value;
      if (typeof name !== 'string' || name === '') return 'an instance of a nameless class';
      const here: unknown = Object.getOwnPropertyDescriptor(globalThis, name)?.value;
      const isForeign = typeof here === 'function' && here !== made;
      return `${withArticle(toWellFormed(name.slice(0, 100)))}${isForeign ? ' of another realm' : ''}`;
    }
  } catch {
    return 'an object that cannot be looked at';
  }
  return 'an object with a prototype of its own';
}

/**
 * Returns why the object's own properties cannot be stored, or undefined if they can. `expected` is
 * the number of properties that its kind always has.
 */
export function extraPropertyRefusal(value: object, expected: number): string | undefined {
  if (Object.getOwnPropertyNames(value).length > expected) return 'has properties of its own, which cannot be stored';
  return symbolRefusal(value);
}

/** Returns why the object's symbol keys cannot be stored, or undefined if it has none. */
export function symbolRefusal(value: object): string | undefined {
  const symbols = Object.getOwnPropertySymbols(value);
  return symbols.length === 0 ? undefined : `has a symbol as a key (${String(symbols[0])}), which cannot be stored`;
}

function quotedName(name: unknown): string {
  return typeof name === 'string' && name !== '' ? ` (${toWellFormed(name.slice(0, 100))})` : '';
}

function withArticle(name: string): string {
  return `${/^[AEIOU]/i.test(name) ? 'an' : 'a'} ${name}`;
}
