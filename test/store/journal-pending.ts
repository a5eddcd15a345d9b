/**
 * Measures many pending jobs on the machine's disk: their memory and disk, the effect of a snapshot
 * on puts, and the time to open. `node --expose-gc dist/test/store/journal-pending.js [jobs]
 * [directory]`, a million jobs by default.
 *
 * A process of its own measures opening and its memory.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { JobSpec } from '../../src/core/commands.js';
import { JournalStore } from '../../src/store/journal/journal-store.js';
import { idOf } from '../core/making.js';

export interface PendingFigures {
  readonly jobs: number;
  readonly bytesPerJobInMemory: number;
  readonly diskBytes: number;
  readonly snapshots: number;
  /**
   * Milliseconds of puts one after another: while nothing else happens, and while a snapshot of all
   * jobs is taken.
   */
  readonly quietPutP50: number;
  readonly quietPutP99: number;
  readonly snapshotMs: number;
  readonly putsDuringSnapshot: number;
  readonly putP50: number;
  readonly putP99: number;
  readonly putMax: number;
}

export interface OpenFigures {
  readonly openMs: number;
  readonly rssBytes: number;
  readonly jobs: number;
  readonly replayedBytes: number;
}

const perPut = 1000;
const owner = idOf('owner');
const outside = {
  dispatcher: '',
  listening: false,
  holding: true,
  now: Date.now,
  random: Math.random,
  failure: () => new Uint8Array(10),
};
const silent = {
  release() {},
  awaits: () => true,
  changed() {},
  awaited: () => ({ outcomes: [], annotations: [], events: false }),
  heard: () => {},
  repaired() {},
  gone() {},
  fatal(error: Error) {
    throw error;
  },
};

let nextId = 0;
function spec(store: JournalStore): JobSpec {
  const id = idOf(String(nextId++).padStart(15, 'j'));
  const args = store.payload(Buffer.from(`arguments ${nextId}`));
  return { id, form: 'call', callable: 'pi#generateSample', args, options: {}, parts: [], callbacks: [] };
}

function put(store: JournalStore, count: number): Promise<void> {
  const jobs = Array.from({ length: count }, () => spec(store));
  return new Promise((resolve, reject) => {
    const reply = (error?: Error) => (error === undefined ? resolve() : reject(error));
    store.transact({ command: { type: 'put', queue: '', owner, level: 'full', jobs }, gate: 'synced', reply });
    store.commit();
  });
}

/** Puts one job after another while `goesOn`. Returns the sorted milliseconds that each took. */
async function timePuts(store: JournalStore, goesOn: (count: number) => boolean): Promise<number[]> {
  const times: number[] = [];
  while (goesOn(times.length)) {
    const start = performance.now();
    await put(store, 1);
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b);
}

const quantile = (sorted: readonly number[], part: number) => sorted[Math.floor((sorted.length - 1) * part)] ?? 0;

export async function measurePending(directory: string, jobs: number, segmentBytes?: number): Promise<PendingFigures> {
  const heapBefore = usedBytes();
  const store = new JournalStore(directory, outside, segmentBytes === undefined ? {} : { segmentBytes });
  await store.open(silent);
  for (let done = 0; done < jobs; done += perPut) await put(store, Math.min(perPut, jobs - done));
  const bytesPerJobInMemory = (usedBytes() - heapBefore) / jobs;
  await store.snapshotEnded();
  const quiet = await timePuts(store, (count) => count < 300);

  let isTaken = false;
  const start = performance.now();
  let snapshotMs = 0;
  void store.takeSnapshot().then(() => {
    isTaken = true;
    snapshotMs = performance.now() - start;
  });
  const during = await timePuts(store, () => !isTaken);
  const { snapshots } = store.figures;
  await store.close();
  return {
    jobs,
    bytesPerJobInMemory,
    diskBytes: diskBytes(directory),
    snapshots,
    quietPutP50: quantile(quiet, 0.5),
    quietPutP99: quantile(quiet, 0.99),
    snapshotMs,
    putsDuringSnapshot: during.length,
    putP50: quantile(during, 0.5),
    putP99: quantile(during, 0.99),
    putMax: during.at(-1) ?? 0,
  };
}

export async function measureOpen(directory: string): Promise<OpenFigures> {
  const store = new JournalStore(directory, outside);
  const start = performance.now();
  await store.open(silent);
  const openMs = performance.now() - start;
  const rssBytes = process.resourceUsage().maxRSS * 1024;
  const figures = { openMs, rssBytes, jobs: store.state.size, replayedBytes: store.replayedBytes };
  await store.close();
  return figures;
}

function usedBytes(): number {
  (globalThis as { gc?: () => void }).gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function diskBytes(directory: string): number {
  return readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
}

function print(figures: object): void {
  for (const [name, value] of Object.entries(figures)) {
    process.stdout.write(`${name.padEnd(22)} ${Number.isInteger(value) ? value : (value as number).toFixed(2)}\n`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [, program, what = '1000000', where] = process.argv as [string, string, string?, string?];
  if (what === 'open') {
    print(await measureOpen(where!));
  } else {
    const directory = where ?? mkdtempSync(join(tmpdir(), 'callsheet-pending-'));
    print(await measurePending(directory, Number(what)));
    process.stdout.write(execFileSync(process.execPath, [program, 'open', directory], { encoding: 'utf8' }));
    if (where === undefined) rmSync(directory, { recursive: true });
  }
}
