/**
 * The coordinator alone, in the main thread of a process: trivial jobs, put in packed messages, and
 * a pool that answers at once. So its CPU and its bytes are not mixed with those of other threads.
 */
import { existsSync } from 'node:fs';
import { getHeapStatistics } from 'node:v8';
import { encodeOwnFailure } from '../../src/codec/failure.js';
import { newId } from '../../src/codec/id.js';
import { Coordinator } from '../../src/coordinator/coordinator.js';
import { defaultRetention } from '../../src/core/retention.js';
import { acquireLock } from '../../src/journal/lock.js';
import { packClientMessages, packCoordinatorMessages, unpackClientMessages } from '../../src/protocol/message-runs.js';
import type { CoordinatorMessage, WireJob } from '../../src/protocol/messages.js';
import { JournalStore } from '../../src/store/journal/journal-store.js';
import type { StoreOutside } from '../../src/store/store.js';
import { journalled } from '../contestants/journalled.js';
import type { Measured } from '../harness/bench.js';
import { programArguments, reportResult } from '../harness/program.js';
import { Scratch } from '../harness/scratch.js';
import { cpuOfThread } from '../harness/thread-cpu.js';
import { InstantPool } from './instant-pool.js';

export interface CoordinatorWork {
  readonly directory: string;
  readonly threads: number;
  readonly inFlight: number;
  readonly jobs: number;
  readonly warmUpJobs: number;
}

declare const gc: () => void;

const work = programArguments<CoordinatorWork>();
/** Puts of one message, as a client sends those of one turn. */
const atOnce = Math.min(64, work.inFlight);
const callable = 'trivial#stamp';
const args = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const scratch = new Scratch(work.directory);
const directory = scratch.newPath();
const lock = await acquireLock(directory, { allowNetworkFileSystem: true, waitMs: 0 });
const dispatcher = newId();
let delivered = 0;
let outgoing: CoordinatorMessage[] = [];
/** Called when messages for the client have come. */
let onMessages = () => {};
const { coordinator, store } = openCoordinator();
await coordinator.open({ trivial: { functions: ['stamp'], others: [] } });
let put = 0;
await run(work.warmUpJobs);
const before = store.figures;
const cpuBefore = cpu();
const bytes = await run(work.jobs);
const cpuAfter = cpu();
const after = store.figures;
// V8 frees dead buffers on another thread, and ends that before the next collection.
gc();
gc();
const { heapUsed, arrayBuffers } = process.memoryUsage();
const figures = {
  'CPU per job': (cpuAfter.process - cpuBefore.process) / work.jobs,
  coordinator: (cpuAfter.thread - cpuBefore.thread) / work.jobs,
  'allocated per job': bytes / work.jobs,
  heap: (heapUsed + arrayBuffers) / 1e6,
  'frames per job': (after.frames - before.frames) / work.jobs,
  'syncs per job': (after.syncs - before.syncs) / work.jobs,
};
await new Promise<void>((resolve) => {
  onMessages = resolve;
  coordinator.receive([['close', put, 0]]);
});
scratch.remove();
reportResult({ figures, ...journalled(before, after, work.jobs / work.inFlight - 1) } satisfies Measured);

/** Returns microseconds since the beginning, of the process and of this thread. */
function cpu(): { process: number; thread: number } {
  const { user, system } = process.cpuUsage();
  return {
    process: user + system,
    thread: existsSync('/proc/self/task') ? cpuOfThread(String(process.pid)) : Number.NaN,
  };
}

function openCoordinator(): { coordinator: Coordinator; store: JournalStore } {
  const outside: StoreOutside = {
    now: Date.now,
    random: Math.random,
    failure: encodeOwnFailure,
    dispatcher,
    get listening() {
      return coordinator.isHeard;
    },
    get holding() {
      return coordinator.isHolding;
    },
  };
  const store = new JournalStore(directory, outside, { lock });
  const coordinator: Coordinator = new Coordinator(
    {
      store,
      pool: (owner) => new InstantPool(owner, work.threads),
      questions: { ask() {}, async destroy() {} },
      post,
      now: Date.now,
      monotonic: () => performance.now(),
      after: (delayMs, callback) => {
        const timer = setTimeout(callback, delayMs);
        return { clear: () => clearTimeout(timer) };
      },
      soon: setImmediate,
      stopwatch: () => performance.now(),
      statistics: undefined,
      closed: () => lock.release(),
    },
    {
      ...{ dispatcher, modules: {}, retention: defaultRetention, retry: undefined, log: 'silent' },
      ...{ agentSize: work.threads, agentSizeGiven: false, isRestart: false },
      presence: { incarnation: newId(), host: 'bench', pid: process.pid, pingMs: 1000, deathMs: 10_000 },
    },
  );
  return { coordinator, store };
}

/** Takes a message for the client, which gets those of one turn at once. */
function post(message: CoordinatorMessage): void {
  if (outgoing.length === 0) {
    queueMicrotask(() => {
      const messages = outgoing;
      outgoing = [];
      packCoordinatorMessages(messages);
      for (const one of messages) {
        if (one[0] !== 'deliver') continue;
        for (const { kind, payload } of one[2])
          if (kind !== 'value' || payload.byteLength !== args.byteLength) throw new Error('a job has a wrong result');
        delivered += one[2].length;
      }
      onMessages();
    });
  }
  outgoing.push(message);
}

/** Puts jobs, `inFlight` at a time. Returns the bytes that were allocated meanwhile. */
async function run(jobs: number): Promise<number> {
  if (jobs === 0) return 0;
  const batches = Array.from({ length: Math.ceil(jobs / atOnce) }, makePuts).reverse();
  const count = batches.length;
  const before = delivered;
  let heap = getHeapStatistics().used_heap_size;
  let bytes = 0;
  let sent = 0;
  await new Promise<void>((resolve) => {
    const send = (): void => {
      while (sent < count && sent * atOnce - (delivered - before) <= work.inFlight - atOnce) {
        sent++;
        coordinator.receive(unpackClientMessages(batches.pop()!));
      }
    };
    onMessages = () => {
      const now = getHeapStatistics().used_heap_size;
      // Less than before means a collection: the bytes of that turn are not known, and not counted.
      if (now > heap) bytes += now - heap;
      heap = now;
      if (delivered - before === count * atOnce) resolve();
      else setImmediate(send);
    };
    send();
  });
  return bytes;
}

function makePuts(): Uint8Array {
  const first = put + 1;
  put += atOnce;
  const jobs = Array.from({ length: atOnce }, (): WireJob => [newId(), 'call', callable, args, null, [], []]);
  return packClientMessages([['puts', first, '', 'full', jobs]]);
}
