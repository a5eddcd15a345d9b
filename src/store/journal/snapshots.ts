/**
 * Keeps the journal short, while work goes on: takes snapshots, copies live payloads out of
 * segments that are mostly dead, and deletes segments that nobody needs.
 *
 * A snapshot is due when the log has grown by half of what is live since the last one began, and by
 * half a segment at least. Then the walk over all records costs a constant part of what was
 * written, and the disk holds: two generations of log (at most what is live, or one segment), three
 * snapshots for a moment, and segments of which at least half is live.
 *
 * The walk is fuzzy: it sees each record at another time. That is right because the log is kept
 * from before the walk began, and replaying says the same again. It sees only what is in the log:
 * whatever is decided is committed before each slice.
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

/** What a header takes in a snapshot, until there is one to tell. */
const headerBytes = 100;
/** What is written of a snapshot before the disk has to have taken it in. */
const unsyncedBytes = 4 * 1024 * 1024;
/** How much is moved in one frame. */
const moveBytes = 256 * 1024;
/** How many records are walked between two looks at the clock. */
const stride = 32;

export interface SnapshotParts {
  readonly journal: Journal;
  readonly state: State;
  readonly writer: RecordWriter;
  readonly live: LiveBytes;
  readonly pace: Pace;
  /** Brings what is decided into the log. */
  readonly commit: () => void;
}

export class Snapshots {
  readonly #parts: SnapshotParts;
  /** The length of the log, counted from when it was opened, at which the newest snapshot began. */
  #beganAt: number;
  /** No snapshot before the log is so long: the last one failed. */
  #notBefore = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | undefined;
  #givenUp = false;
  #over: () => boolean = () => false;
  /** Published since opening. */
  count = 0;
  /** Why the last one failed, if it did. */
  failure: unknown;

  constructor(parts: SnapshotParts) {
    this.#parts = parts;
    this.#beganAt = -parts.journal.report.bytes;
  }

  /** A frame was written: begins a snapshot, if one is due. */
  written(): void {
    if (this.#running === undefined && this.#isDue()) void this.take();
  }

  /**
   * Takes a snapshot now, unless one is under way. Resolves when that is over, whatever became of
   * it.
   */
  take(): Promise<void> {
    this.#running ??= this.#take().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Resolves when no snapshot is under way. */
  async ended(): Promise<void> {
    await this.#running;
  }

  /** More of the log is on the disk: deletes what nobody needs any more. */
  synced(): void {
    if (this.#parts.live.someEmptied) this.#deleteEmpty();
  }

  /**
   * What the walk has seen may have been taken back: the snapshot begun, if any, is good for
   * nothing.
   */
  giveUp(): void {
    if (this.#running !== undefined) this.#givenUp = true;
  }

  /** Resolves when nothing is under way any more. */
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
      snapshot = await journal.beginSnapshot();
      if (snapshot === undefined) throw new Error('there is no room, or nothing new');
      this.#over = pace.slice();
      await this.#walk(snapshot);
      await journal.publishSnapshot(snapshot, () => this.#rest());
      this.#beganAt = beganAt;
      this.count++;
      this.failure = undefined;
      this.#deleteEmpty();
    } catch (error) {
      // The log goes on as before, only longer. If that is what failed, those who wait for it are
      // told by it.
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
    // Jobs that are put meanwhile are in the log, and come last: nobody has to run after them.
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

  /** Lets all others have a turn, if the slice is over. */
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
      // It is tried again with the next one.
      this.failure = error;
    }
  }
}

/** Live payloads on their way out of segments of which less than half is live. */
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
      // One is damaged: it stays where it is, to fail its job, and its segment with it. The others
      // go one by one.
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
