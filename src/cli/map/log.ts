/** The log of a run, open for writing. `log-format.ts` describes its lines. */
import { closeSync, fdatasync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { machineDisk } from '../../journal/disk.js';
import { Bits } from './bits.js';
import { type LogRecord, lineOf, type ReadRecord, type RunIdentity, readLog } from './log-format.js';

/** The least milliseconds between two syncs while the run goes on. */
const syncMs = 100;

export class RunLog {
  readonly path: string;
  readonly #fd: number;
  /** The identity of the run in the log; `undefined` for a new log. */
  readonly identity: RunIdentity | undefined;
  /** The items that need not run again. */
  readonly #done = new Bits();
  /** The number of items that failed and were not run again. */
  readonly failed: number;
  /** The files that an earlier process has begun to write, and has not finished. */
  readonly unfinished: readonly string[] = [];
  #size = 0;
  #lines: string[] = [];
  #syncing: Promise<void> | undefined;
  #lastSync = 0;

  /**
   * Opens the log, or makes it. Cuts an end that a crash has spoiled.
   *
   * @param retryFailed Runs the failed items again.
   */
  constructor(path: string, retryFailed: boolean) {
    this.path = path;
    this.#fd = openSync(path, 'a+');
    machineDisk.syncDirectoryNow(dirname(path));
    let failed = new Bits();
    for (const { record, end } of readLog(this.#fd)) {
      this.#size = end;
      if ('run' in record) this.identity = record.run;
      else if ('writes' in record) this.unfinished = record.writes;
      else if ('retry' in record) {
        this.#done.removeAll(failed);
        failed = new Bits();
      } else if ('n' in record) {
        this.#done.add(record.n);
        if (record.error !== undefined) failed.add(record.n);
      }
    }
    ftruncateSync(this.#fd, this.#size);
    this.failed = failed.count;
    if (!retryFailed || failed.count === 0) return;
    this.#done.removeAll(failed);
    this.add({ retry: true });
    this.flush();
  }

  get done(): number {
    return this.#done.count;
  }

  isDone(n: number): boolean {
    return this.#done.has(n);
  }

  /** The bytes that were flushed. */
  get size(): number {
    return this.#size;
  }

  /** The records of read items that were in the log when it was opened, one after another. */
  *read(): Generator<ReadRecord> {
    for (const { record } of readLog(this.#fd, this.#size)) if ('read' in record) yield record;
  }

  /** Returns a descriptor for reading, which belongs to the log. */
  get fd(): number {
    return this.#fd;
  }

  add(record: LogRecord | string): void {
    this.#lines.push(lineOf(typeof record === 'string' ? record : JSON.stringify(record)));
  }

  /** Writes the added records. Throws the error of the system if that fails. */
  flush(): void {
    if (this.#lines.length === 0) return;
    this.#size += writeAll(this.#fd, this.#lines.join(''));
    this.#lines = [];
  }

  /**
   * Begins a sync unless one runs, or the last one was just before.
   *
   * @param failed Gets an error of the sync.
   */
  syncSoon(failed: (error: Error) => void): void {
    if (this.#syncing !== undefined || performance.now() - this.#lastSync < syncMs) return;
    this.#syncing = new Promise((resolve) => {
      fdatasync(this.#fd, (error) => {
        this.#syncing = undefined;
        this.#lastSync = performance.now();
        if (error !== null) failed(error);
        resolve();
      });
    });
  }

  /** @param isNeeded `false` if the log is removed next, so that it need not be synced. */
  async close(isNeeded = true): Promise<void> {
    await this.#syncing;
    try {
      if (isNeeded) fsyncSync(this.#fd);
    } finally {
      closeSync(this.#fd);
    }
  }
}

/** Writes all of a text, however many calls that takes. Returns the number of bytes. */
export function writeAll(fd: number, text: string): number {
  const bytes = Buffer.from(text);
  for (let written = 0; written < bytes.length; ) written += writeSync(fd, bytes, written);
  return bytes.length;
}
