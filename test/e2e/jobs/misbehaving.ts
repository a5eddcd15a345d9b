/** Jobs that do what jobs should not. */
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

/** An error that throws once more when one looks at it. */
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

/** Ends its thread while it runs, by something that nobody catches. */
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

/** Throws after its call has returned, from a timer that it left behind. */
export function throwsLater(): string {
  setTimeout(() => {
    throw new Error('nobody waits for this');
  }, 1);
  return 'returned in time';
}

/** Leaves a timer behind, as a pool of connections does. */
export function marksLater(file: string): string {
  setTimeout(() => appendFileSync(file, 'later\n'), 5);
  return 'returned in time';
}

/** Has a promise that nobody looks at any more. */
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

/** What a job may break that everybody in its thread stands on. */
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
 * Goes well, and leaves a thread behind in which nothing does; `silently`: it fails without an
 * error.
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
 * As a job and as a policy: posts on the port that its thread is started with, as Node does with
 * --watch.
 */
export function posts(): never {
  for (const message of [{ 'watch:import': ['file:///nowhere.js'] }, ['no', 'answer'], 'text', null]) {
    parentPort!.postMessage(message);
  }
  return 'posted' as never;
}

const leaked: number[][] = [];

/** Leaves some megabytes behind each time; gives the thread that has them. */
export function leaks(megabytes: number): number {
  leaked.push(new Array<number>((megabytes * 1024 * 1024) / 8).fill(0.5));
  return threadId;
}

/** Takes ever more memory. */
export function takesAllMemory(): never {
  for (;;) leaks(1);
}

/**
 * Hangs in a system call until someone opens the pipe for writing: not even the end of its thread
 * ends that.
 */
export function hangsIn(pipe: string): string {
  return readFileSync(pipe, 'utf8');
}
