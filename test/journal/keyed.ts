/**
 * The smallest store on a journal: texts by key, some of them left in the log and held by position.
 * It takes snapshots as the real store does, and shows its inner state to tests.
 */
import assert from 'node:assert/strict';
import {
  type Entry,
  type Journal,
  type JournalOptions,
  openJournal,
  type Position,
  type Replay,
} from '../../src/journal/journal.js';
import { appendAll, entry, packed } from './reading.js';
import type { StrictDisk } from './strict-disk.js';

const types = { set: 1, remove: 2, pointer: 3, move: 4 } as const;

export const keyedDirectory = '/journal';

export class Keyed implements Replay {
  readonly positions = new Map<string, Position>();
  /** The segments that were replayed, which shows the ones that were not. */
  readonly segments: number[] = [];
  journal!: Journal;

  static async open(disk: StrictDisk, options: JournalOptions = {}): Promise<Keyed> {
    const keyed = new Keyed();
    const sizes = { reserveBytes: 0, segmentBytes: 4096, aheadBytes: 0 };
    keyed.journal = await openJournal(keyedDirectory, keyed, { disk, ...sizes, ...options });
    return keyed;
  }

  segment(segment: number): void {
    this.segments.push(segment);
  }

  entry({ type, bytes }: Entry, at: Position): void {
    const text = Buffer.from(bytes).toString();
    const [key] = text.split('=', 1) as [string];
    if (type === types.set) this.positions.set(key, at);
    else if (type === types.remove) this.positions.delete(text);
    else if (type === types.pointer) this.positions.set(key, JSON.parse(text.slice(key.length + 1)) as Position);
    else if (this.positions.has(key)) this.positions.set(key, at);
  }

  end(segments: ReadonlySet<number>): undefined {
    for (const [key, { segment }] of this.positions)
      assert.ok(segments.has(segment), `${key}: segment ${segment} is gone`);
  }

  set(key: string, text: string): void {
    const { positions } = this.#append(entry(types.set, `${key}=${text}`));
    this.positions.set(key, positions[0]!);
  }

  remove(key: string): void {
    this.#append(entry(types.remove, key));
    this.positions.delete(key);
  }

  /** Reads every text back. */
  contents(): Map<string, string> {
    const read = ([key, at]: [string, Position]) => {
      const text = Buffer.from(this.journal.read(at)).toString();
      return [key, text.slice(key.length + 1)] as const;
    };
    return new Map([...this.positions].sort(([a], [b]) => (a < b ? -1 : 1)).map(read));
  }

  /** Takes a snapshot, if the journal begins one. Other work can go on in `between`. */
  async snapshot(between: () => void = () => {}): Promise<boolean> {
    const snapshot = await this.journal.beginSnapshot();
    if (snapshot === undefined) return false;
    try {
      for (const [key, at] of this.positions) {
        snapshot.add(packed([entry(types.pointer, `${key}=${JSON.stringify(at)}`)]));
        between();
        await snapshot.sync();
      }
    } catch (error) {
      snapshot.abandon();
      throw error;
    }
    await this.journal.publishSnapshot(snapshot, () => undefined);
    return true;
  }

  /** Copies live texts out of the oldest segments, and deletes these segments. */
  async compact(): Promise<number[]> {
    const victims = this.journal.payloadSegments().map(([number]) => number);
    for (const [key, at] of this.positions) {
      if (!victims.includes(at.segment)) continue;
      const { positions } = this.#append({ type: types.move, bytes: this.journal.read(at) });
      this.positions.set(key, positions[0]!);
    }
    await this.journal.sync();
    for (const victim of victims) this.journal.deleteSegment(victim);
    return victims;
  }

  #append(what: Entry) {
    this.journal.beginFrame(what.bytes.length + 16);
    return appendAll(this.journal, [what]);
  }
}
