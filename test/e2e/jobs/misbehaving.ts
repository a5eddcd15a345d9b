/** Jobs that do things that jobs should not do. */
import { EventEmitter } from 'node:events';
import { appendFileSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { parentPort, threadId } from 'node:worker_threads';

class OrderError extends RangeError {
  override name = 'OrderError';
  readonly code = 'E_ORDER';
  readonly order = { id: 7, lines: ['a', 'b'] };
}

export function throws(): never {
  throw new OrderError('there is no such order', { cause: new Error('the shop is shut') });
}

export async function rejects(): Promise<never> {
  await delay(1);
  throw new OrderError('there is no such order any more');
}

export function throwsText(): never {
  throw 'only a text';
}

export function throwsNothing(): never {
  throw undefined;
}

export async function rejectsWithObject(): Promise<never> {
  throw { reason: 'an object', at: 3 };
}

/** Throws an error that throws again when it is read. */
export function throwsTrap(): never {
  throw new Proxy(new Error('a trap'), {
    get: () => {
      throw new Error('sprung');
    },
  });
}

export function returnsFunction(): unknown {
  return { rows: [{ format: () => 'never stored' }] };
}

export async function resolvesWithClassInstance(): Promise<unknown> {
  return { when: new (class Moment {})() };
}

export function returnsPromiseInside(): unknown {
  return [1, delay(1)];
}

export function exits(code: number): never {
  process.exit(code);
}

/** Ends its thread while it runs, by an uncaught error. */
export function endsThread(how: 'timer' | 'emitter' | 'rejection' | 'text' | 'nothing'): Promise<never> {
  return new Promise(() => {
    switch (how) {
      case 'timer':
        return setTimeout(() => {
          throw new TypeError('thrown in a timer', { cause: new Error('the reason of that') });
        }, 1);
      case 'emitter':
        return setTimeout(() => new EventEmitter().emit('error', new RangeError('emitted by an emitter')), 1);
      case 'rejection':
        return Promise.reject(new SyntaxError('forgotten'));
      case 'text':
        return setTimeout(() => {
          throw 'only a text';
        }, 1);
      case 'nothing':
        return setTimeout(() => {
          throw undefined;
        }, 1);
    }
  });
}

/** Throws from a timer after its call has returned. */
export function throwsLater(): string {
  setTimeout(() => {
    throw new Error('nobody waits for this');
  }, 1);
  return 'returned in time';
}

/** Leaves a timer behind, as a connection pool does. */
export function marksLater(file: string): string {
  setTimeout(() => appendFileSync(file, 'later\n'), 5);
  return 'returned in time';
}

/** Leaves a rejected promise without a handler behind. */
export function rejectsLater(): string {
  void delay(1).then(() => {
    throw new Error('nobody looks at this');
  });
  return 'returned in time';
}

export function loopsForever(): never {
  for (;;);
}

export async function neverResolves(): Promise<never> {
  return new Promise(() => {
    setInterval(() => {}, 1000);
  });
}

/** Built-ins that a job may break and that all code in its thread depends on. */
const breakable = {
  'Uint8Array.prototype.set': [Uint8Array.prototype, 'set'],
  'Uint8Array.prototype.subarray': [Uint8Array.prototype, 'subarray'],
  'Buffer.prototype.latin1Slice': [Buffer.prototype, 'latin1Slice'],
  'Array.prototype[Symbol.iterator]': [Array.prototype, Symbol.iterator],
  'Map.prototype.get': [Map.prototype, 'get'],
  'Atomics.compareExchange': [Atomics, 'compareExchange'],
  'Date.now': [Date, 'now'],
  'DataView.prototype.setUint32': [DataView.prototype, 'setUint32'],
  'Promise.prototype.then': [Promise.prototype, 'then'],
} as const;
export type Breakable = keyof typeof breakable;

/**
 * Succeeds, and leaves the thread broken. `silently`: the broken built-in fails without an error.
 */
export function breaks(what: Breakable | 'nothing', silently = false): string {
  if (what === 'nothing') return 'whole';
  const [owner, name] = breakable[what];
  Object.defineProperty(owner, name, {
    value(this: unknown) {
      if (silently) return this;
      throw new Error(`${what} is broken`);
    },
  });
  return 'broken';
}

/**
 * Posts foreign messages on the port of its thread, as Node does with --watch. Used as a job and as
 * a policy.
 */
export function posts(): never {
  for (const message of [{ 'watch:import': ['file:///nowhere.js'] }, ['no', 'answer'], 'text', null]) {
    parentPort!.postMessage(message);
  }
  return 'posted' as never;
}

const leaked: number[][] = [];

/** Leaves some megabytes behind each time; returns the id of its thread. */
export function leaks(megabytes: number): number {
  leaked.push(new Array<number>((megabytes * 1024 * 1024) / 8).fill(0.5));
  return threadId;
}

export function takesAllMemory(): never {
  for (;;) leaks(1);
}

/**
 * Hangs in a system call until the pipe is opened for writing. Not even the end of its thread ends
 * the call.
 */
export function hangsIn(pipe: string): string {
  return readFileSync(pipe, 'utf8');
}
