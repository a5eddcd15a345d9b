/** Values of jobs as JSON, without the parts that visitors must not see. */
import { isFailure } from '../codec/failure.js';
import type { ResolvedOptions, ShownJob } from './options.js';

/** A larger value is not decoded at all. */
export const mostShownBytes = 256 * 1024;
const most = { depth: 12, entries: 200, text: 10_000 };

/** A part that is not shown, or has no form in JSON. */
export interface NotShown {
  /** In words, such as `text of 12 characters`. */
  readonly $: string;
}

export class Shown {
  readonly #show: ResolvedOptions['show'];

  constructor(show: ResolvedOptions['show']) {
    this.#show = show;
  }

  /** `true` if no value is ever shown, so that none need be read. */
  get isNothing(): boolean {
    return this.#show === false;
  }

  /** Returns a value as JSON. `path` leads to it. */
  valueOf(job: ShownJob, path: string, value: unknown): unknown {
    return this.#at(job, path, value, 0);
  }

  #at(job: ShownJob, path: string, value: unknown, depth: number): unknown {
    if (depth > most.depth) return note('deeper levels');
    if (value instanceof Map) return this.#object(job, path, mapAsObject(value), depth);
    if (value instanceof Set) return this.#list(job, path, [...value], depth);
    if (Array.isArray(value)) return this.#list(job, path, value, depth);
    if (isFailure(value)) return this.#leaf(job, path, value, `${value.name}: ${value.message}`);
    if (isPlain(value)) return this.#object(job, path, value, depth);
    return this.#leaf(job, path, value, leafOf(value));
  }

  #leaf(job: ShownJob, path: string, value: unknown, leaf: unknown): unknown {
    return this.#isShown(job, path) ? leaf : note(describe(value));
  }

  #list(job: ShownJob, path: string, list: readonly unknown[], depth: number): unknown {
    const items = list.slice(0, most.entries).map((item, index) => this.#at(job, `${path}[${index}]`, item, depth + 1));
    return list.length > most.entries ? [...items, note(`${list.length - most.entries} more`)] : items;
  }

  #object(job: ShownJob, path: string, object: Readonly<Record<string, unknown>>, depth: number): unknown {
    const entries = Object.entries(object);
    const shown: [string, unknown][] = entries
      .slice(0, most.entries)
      .map(([name, item]) => [name, this.#at(job, `${path}.${name}`, item, depth + 1)]);
    if (entries.length > most.entries) shown.push(['…', note(`${entries.length - most.entries} more`)]);
    return Object.fromEntries(shown);
  }

  #isShown(job: ShownJob, path: string): boolean {
    return typeof this.#show === 'function' ? this.#show(job, path) === true : this.#show === true;
  }
}

const note = (text: string): NotShown => ({ $: text });

function mapAsObject(map: ReadonlyMap<unknown, unknown>): Record<string, unknown> {
  return Object.fromEntries(Array.from(map, ([key, value]) => [String(key), value]));
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function leafOf(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
      return value.length > most.text ? `${value.slice(0, most.text)}… (${value.length} characters)` : value;
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : note(String(value));
    case 'object':
      if (value === null) return null;
      if (value instanceof Date) return Number.isNaN(value.getTime()) ? note('no date') : value.toISOString();
      return note(describe(value));
    default:
      return note(typeof value === 'bigint' ? `${value}n` : describe(value));
  }
}

/** Describes a value without its contents. */
function describe(value: unknown): string {
  if (typeof value === 'string') return `text of ${value.length} characters`;
  if (ArrayBuffer.isView(value)) return `${value.constructor.name} of ${value.byteLength} bytes`;
  if (value === null || typeof value !== 'object') return value === null ? 'null' : typeof value;
  const id = (value as { id?: unknown }).id;
  return typeof id === 'string' ? `job ${id}` : (value.constructor?.name ?? 'object');
}
