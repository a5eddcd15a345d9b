/**
 * Large payloads, which go to the database ahead of their commands.
 *
 * A command with a large payload is held until the bytes are there, on a connection of their own.
 * Its decision then has nothing but their place, so that no other command waits for the bytes, and
 * a conflict does not send them again. Commands that name a job of one that is held wait behind it:
 * for each job, the order is that in which they were asked. All others pass.
 */
import type { Command } from '../../core/commands.js';
import type { Payload } from '../../core/records.js';
import type { Asked } from '../store.js';
import type { Database } from './database.js';
import { FarPayload } from './far-payload.js';

export interface UploadsOwner<A> {
  /** Resolves when the way to the database may be used. */
  through(): Promise<void>;
  /** Returns if an upload must be tried again after this error. Throws it otherwise. */
  tryAgainAfter(error: unknown): void;
  isDead(): boolean;
  /** Receives commands, in order, whose payloads are in the database. */
  ready(asked: readonly A[]): void;
  fail(error: Error): void;
}

interface Held<A> {
  asked: A;
  isUploaded: boolean;
}

export class Uploads<A extends Asked> {
  readonly #database: Database;
  readonly #owner: UploadsOwner<A>;
  #held: Held<A>[] = [];
  #working: Promise<void> | undefined;
  /** `true` once a large payload was made. Before that, no command is searched. */
  #isNeeded = false;

  constructor(database: Database, owner: UploadsOwner<A>) {
    this.#database = database;
    this.#owner = owner;
  }

  readonly payload = (bytes: Uint8Array): Payload => {
    this.#isNeeded ||= this.#isFar(bytes);
    return bytes;
  };

  /** The commands that wait. */
  get held(): readonly A[] {
    return this.#held.map(({ asked }) => asked);
  }

  /** Resolves when an upload has ended; undefined for none. */
  get working(): Promise<void> | undefined {
    return this.#working;
  }

  /** Holds a command, if it has large payloads or must wait for one that is held. */
  hold(asked: A): boolean {
    if (!this.#isNeeded) return false;
    const isUploaded = !this.isLarge(asked.command);
    if (isUploaded && !this.#isBehind(asked.command, namesIn(this.held))) return false;
    this.#held.push({ asked, isUploaded });
    this.#working ??= this.#work()
      .catch((error: Error) => this.#owner.fail(error))
      .finally(() => {
        this.#working = undefined;
      });
    return true;
  }

  /** `true` for a command with payloads that must be uploaded. */
  isLarge(command: Command): boolean {
    return this.#largeIn(command).length > 0;
  }

  /** Uploads the large payloads of a command, and returns the command with their places. */
  async ahead<C extends Command>(command: C): Promise<C> {
    const places = new Map<unknown, FarPayload>();
    for (const bytes of this.#largeIn(command)) places.set(bytes, await this.#upload(bytes));
    return places.size === 0 ? command : replaced(command, places);
  }

  async #work(): Promise<void> {
    for (;;) {
      const next = this.#held.find(({ isUploaded }) => !isUploaded);
      if (next === undefined || this.#owner.isDead()) return;
      next.asked = { ...next.asked, command: await this.ahead(next.asked.command) };
      next.isUploaded = true;
      this.#letGo();
    }
  }

  /** Lets all go that wait for nothing any more. */
  #letGo(): void {
    const names = new Set<string>();
    const ready: A[] = [];
    const held: Held<A>[] = [];
    for (const one of this.#held) {
      if (one.isUploaded && !this.#isBehind(one.asked.command, names)) ready.push(one.asked);
      else {
        held.push(one);
        for (const name of namesIn(one.asked.command)) names.add(name);
      }
    }
    this.#held = held;
    if (!this.#owner.isDead()) this.#owner.ready(ready);
  }

  /** After a lost connection it goes on with the rest. */
  async #upload(bytes: Uint8Array): Promise<FarPayload> {
    const payload = new FarPayload(bytes.byteLength);
    while (!this.#owner.isDead()) {
      await this.#owner.through();
      try {
        await this.#database.upload(payload, bytes);
        break;
      } catch (error) {
        if (!this.#owner.isDead()) this.#owner.tryAgainAfter(error);
      }
    }
    return payload;
  }

  /** The end of a dispatcher waits for all: it would give back jobs whose results are held. */
  #isBehind(command: Command, names: ReadonlySet<string>): boolean {
    if (names.size === 0) return false;
    return command.type === 'deactivate' || [...namesIn(command)].some((name) => names.has(name));
  }

  #isFar(bytes: Uint8Array): boolean {
    return bytes.byteLength > this.#database.nearBytes;
  }

  #largeIn(command: Command): Uint8Array[] {
    const large: Uint8Array[] = [];
    for (const [name, value] of fieldsOf(command))
      if (value instanceof Uint8Array && !nearFields.has(name) && this.#isFar(value)) large.push(value);
    return large;
  }
}

/** Fields whose bytes belong to no job's row: the value of an annotation, a policy's data. */
const nearFields: ReadonlySet<string> = new Set(['value', 'data']);

/** Fields by which commands name jobs, or what leads to jobs. */
const nameFields: ReadonlySet<string> = new Set(['id', 'ids', 'job', 'refers', 'map', 'chunk', 'unique', 'name']);

/** Returns the names of all jobs that a command, or a list of these, is about. */
function namesIn(value: unknown): Set<string> {
  const names = new Set<string>();
  for (const [field, one] of fieldsOf(value)) if (typeof one === 'string' && nameFields.has(field)) names.add(one);
  return names;
}

/** Passes each field of a value, in any depth. An element of a list has the name of the list. */
function* fieldsOf(value: unknown, name = ''): Generator<readonly [name: string, value: unknown]> {
  yield [name, value];
  if (Array.isArray(value)) for (const one of value) yield* fieldsOf(one, name);
  else if (isPlain(value)) for (const [key, one] of Object.entries(value)) yield* fieldsOf(one, key);
}

/** Returns a copy of a value in which others stand for some parts. */
function replaced<T>(value: T, places: ReadonlyMap<unknown, unknown>): T {
  if (places.has(value)) return places.get(value) as T;
  if (Array.isArray(value)) return value.map((one) => replaced(one, places)) as T;
  if (!isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, replaced(one, places)])) as T;
}

const isPlain = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
