/**
 * Keeps the journal short while work goes on: takes snapshots, copies live payloads out of segments
 * that are mostly dead, and deletes segments without live bytes.
 *
 * A snapshot is due when the log, since the last one began, has grown by half of all live bytes,
 * and by half a segment at least. So the walk over all records costs a constant part of the bytes
 * written. The disk holds at most two generations of log (each at most all live bytes, or one
 * segment), three snapshots for a moment, and segments that are at least half live.
 *
 * The walk is fuzzy: it sees each record at another time. That is correct because the log is kept
 * from before the walk began, so replaying it leads to the same records. The walk must see only
 * changes that are in the log: a commit comes before each slice.
 */
import { payloadSlots } from '../../core/records.js';
import type { State } from '../../core/state/state.js';
import { JournalCorruptError } from '../../errors.js';
import type { Journal, SnapshotWriter } from '../../journal/journal.js';
import type { LiveBytes } from './live-bytes.js';
import type { Pace } from './pace.js';
import type { Move, RecordWriter } from './record-writer.js';
import { SnapshotRecords } from './snapshot-records.js';
import type { StoredPayload } from './stored-payload.js';

/** Estimated bytes of a header in a snapshot, until there is a snapshot to measure. */
const headerBytes = 100;
/** A snapshot is synced whenever this many of its bytes are not. */
const unsyncedBytes = 4 * 1024 * 1024;
/** Bytes of payloads moved in one frame. */
const moveBytes = 256 * 1024;
/** Records walked between two looks at the clock. */
const stride = 32;

export interface SnapshotParts {
  readonly journal: Journal;
  readonly state: State;
  readonly writer: RecordWriter;
  readonly live: LiveBytes;
  readonly pace: Pace;
  /** Writes everything decided so far to the log. */
  readonly commit: () => void;
}

export class Snapshots {
  readonly #parts: SnapshotParts;
  /** The length of the log at which the newest snapshot began, counted from opening. */
  #beganAt: number;
  /** After a failed snapshot: the length of the log before which no other one is begun. */
  #notBefore = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | undefined;
  #givenUp = false;
  #over: () => boolean = () => false;
  /** Snapshots published since opening. */
  count = 0;
  /** How long they took, the other work between their slices included. */
  times = { lastSnapshotMs: 0, longestSnapshotMs: 0 };
  /** The error of the last snapshot, if it failed. */
  failure: unknown;

  constructor(parts: SnapshotParts) {
    this.#parts = parts;
    this.#beganAt = -parts.journal.report.bytes;
  }

  /** Begins a snapshot if one is due; called after each frame. */
  written(): void {
    if (this.#running === undefined && this.#isDue()) void this.take();
  }

  /** Takes a snapshot, unless one is under way. Resolves when it is over, published or not. */
  take(): Promise<void> {
    this.#running ??= this.#take().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async ended(): Promise<void> {
    await this.#running;
  }

  /** Deletes segments that are known on the disk to be empty; called after each sync. */
  synced(): void {
    if (this.#parts.live.someEmptied) this.#deleteEmpty();
  }

  /**
   * Abandons the snapshot under way, because changes that the walk saw may have been rolled back.
   */
  giveUp(): void {
    if (this.#running !== undefined) this.#givenUp = true;
  }

  /** Begins no more snapshots. Resolves when none is under way. */
  async stop(): Promise<void> {
    this.#notBefore = Number.POSITIVE_INFINITY;
    this.giveUp();
    await this.#running;
  }

  #isDue(): boolean {
    const { bytesWritten } = this.#parts.journal;
    if (bytesWritten < this.#notBefore) return false;
    const grown = bytesWritten - this.#beganAt;
    return grown >= this.#floorBytes && grown >= this.#liveBytes / 2;
  }

  get #floorBytes(): number {
    return this.#parts.journal.segmentBytes / 2;
  }

  get #liveBytes(): number {
    const { journal, live, state } = this.#parts;
    return live.total + Math.max(journal.snapshotBytes, state.size * headerBytes);
  }

  async #take(): Promise<void> {
    const { journal, pace } = this.#parts;
    this.#givenUp = false;
    let snapshot: SnapshotWriter | undefined;
    try {
      const beganAt = journal.bytesWritten;
      const startedAt = performance.now();
      snapshot = await journal.beginSnapshot();
      if (snapshot === undefined) throw new Error('no room for a snapshot, or nothing new to write');
      this.#over = pace.slice();
      await this.#walk(snapshot);
      await journal.publishSnapshot(snapshot, () => this.#rest());
      this.#beganAt = beganAt;
      this.count++;
      const lastSnapshotMs = performance.now() - startedAt;
      const longestSnapshotMs = Math.max(lastSnapshotMs, this.times.longestSnapshotMs);
      this.times = { lastSnapshotMs, longestSnapshotMs };
      this.failure = undefined;
      this.#deleteEmpty();
    } catch (error) {
      // The log goes on as before, only longer. If the log itself has failed, its own error reaches
      // the waiting clients.
      snapshot?.abandon();
      this.failure = error;
      this.#notBefore = Math.max(this.#notBefore, journal.bytesWritten + this.#floorBytes);
    }
  }

  async #walk(snapshot: SnapshotWriter): Promise<void> {
    const { state } = this.#parts;
    const records = new SnapshotRecords(snapshot);
    const moving = new Moving(this.#parts);
    const rest = async () => {
      records.endSlice();
      moving.flush();
      if (snapshot.unsyncedBytes >= unsyncedBytes) await snapshot.sync();
      await this.#rest();
      this.#commit();
    };
    this.#commit();
    for (const setting of state.settings()) records.setting(setting);
    let seen = 0;
    for (const annotation of state.annotations()) {
      records.annotation(annotation);
      if (++seen % stride === 0 && this.#over()) await rest();
    }
    // Jobs put during the walk are in the log and come last, so the walk ends after as many jobs as
    // there were at its start.
    let left = state.size;
    for (const job of state.jobs()) {
      if (left-- === 0) break;
      if (job.level !== 'memory') {
        moving.look(job);
        records.job(job);
      }
      if (left % stride === 0 && (this.#over() || moving.isFull)) await rest();
    }
    await rest();
    records.end();
  }

  #commit(): void {
    this.#parts.commit();
    this.#refuseIfGivenUp();
  }

  /** Lets other work have a turn, if the slice is over. */
  async #rest(): Promise<void> {
    this.#refuseIfGivenUp();
    if (!this.#over()) return;
    await this.#parts.pace.turn();
    this.#refuseIfGivenUp();
    this.#over = this.#parts.pace.slice();
  }

  #refuseIfGivenUp(): void {
    if (this.#givenUp) throw new Error('given up');
  }

  #deleteEmpty(): void {
    const { journal, live } = this.#parts;
    try {
      for (const [segment] of journal.payloadSegments()) {
        if (!live.isGone(segment, journal.syncedLsn)) continue;
        journal.deleteSegment(segment);
        live.deleted(segment);
      }
    } catch (error) {
      // The next snapshot or sync tries again.
      this.failure = error;
    }
  }
}

/** Collects the live payloads to be moved out of segments that are mostly dead. */
class Moving {
  readonly #parts: SnapshotParts;
  readonly #from: ReadonlySet<number>;
  #moves: Move[] = [];
  #bytes = 0;

  constructor(parts: SnapshotParts) {
    this.#parts = parts;
    const { journal, live } = parts;
    const mostlyDead = journal.payloadSegments().filter(([segment, bytes]) => live.of(segment) < bytes / 2);
    this.#from = new Set(mostlyDead.map(([segment]) => segment));
  }

  get isFull(): boolean {
    return this.#bytes >= moveBytes;
  }

  look(job: { readonly id: string; readonly args: unknown; readonly result: unknown }): void {
    if (this.#from.size === 0) return;
    for (let slot = 0; slot < payloadSlots.length; slot++) {
      const payload = job[payloadSlots[slot]!] as StoredPayload | null;
      if (payload === null || !this.#from.has(payload.segment)) continue;
      this.#moves.push({ job: job.id, slot, payload });
      this.#bytes += payload.byteLength;
    }
  }

  flush(): void {
    const moves = this.#moves;
    this.#moves = [];
    this.#bytes = 0;
    if (moves.length === 0) return;
    const { writer } = this.#parts;
    try {
      writer.move(moves);
    } catch (error) {
      if (!(error instanceof JournalCorruptError)) throw error;
      // One payload is damaged. It stays where it is, so that it fails its job, and its segment
      // stays too. The others are moved one by one.
      for (const move of moves) {
        try {
          writer.move([move]);
        } catch (alone) {
          if (!(alone instanceof JournalCorruptError)) throw alone;
        }
      }
    }
  }
}
