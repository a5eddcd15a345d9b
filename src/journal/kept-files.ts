/**
 * Keeps the list of the journal's files, and deletes those that are not needed. Two generations are
 * needed: their snapshots, and all segments from the older one's first on. Older segments may hold
 * entries whose positions are still in use; `deleteSegment` is called when none is.
 *
 * The order of deletion matters. A snapshot goes before the segments that only its log needs, and
 * its name must be gone from the disk before they go. So a crash in between leaves no generation
 * that looks whole and is not.
 */
import * as path from 'node:path';
import { type Disk, removeIfThere } from './disk.js';
import { segmentFileName, snapshotFileName } from './file-names.js';
import type { RecoveredLog } from './recovery.js';
import type { Snapshot } from './snapshot-reader.js';

const keptGenerations = 2;

export class KeptFiles {
  readonly #disk: Disk;
  readonly #directory: string;
  /** The sizes of the sealed segments, by number. */
  readonly #segments: Map<number, number>;
  /** The numbers of the snapshots that are kept, the newest first. */
  #snapshots: number[];
  /** The sizes of all snapshots on the disk, by number. */
  readonly #snapshotBytes: Map<number, number>;

  constructor(disk: Disk, directory: string, { segmentBytes, snapshotBytes, generation, last }: RecoveredLog) {
    this.#disk = disk;
    this.#directory = directory;
    this.#segments = new Map(segmentBytes);
    if (last !== undefined) this.#segments.delete(last.number);
    this.#snapshotBytes = new Map(snapshotBytes);
    // Snapshots newer than the one that opening started from are damaged, and not kept.
    const isUsable = (number: number) => generation.snapshot !== undefined && number <= generation.number;
    this.#snapshots = [...snapshotBytes.keys()]
      .filter(isUsable)
      .sort((a, b) => b - a)
      .slice(0, keptGenerations);
  }

  /** The number of the newest snapshot; `undefined` if there is none. */
  get newest(): number | undefined {
    return this.#snapshots[0];
  }

  /** The number of the first segment that is needed as log. */
  get firstNeeded(): number {
    return this.#snapshots[keptGenerations - 1] ?? 1;
  }

  /** The size of all sealed segments and snapshots, in bytes. */
  get bytes(): number {
    let bytes = 0;
    for (const size of this.#segments.values()) bytes += size;
    for (const size of this.#snapshotBytes.values()) bytes += size;
    return bytes;
  }

  /** The size of the newest snapshot in bytes, or 0. */
  get newestBytes(): number {
    return this.#snapshotBytes.get(this.newest ?? 0) ?? 0;
  }

  /** Returns segments not needed as log, with their sizes in bytes, the oldest first. */
  payloadSegments(): [number: number, bytes: number][] {
    return [...this.#segments].filter(([number]) => number < this.firstNeeded).sort(([a], [b]) => a - b);
  }

  sealed(segment: number, bytes: number): void {
    this.#segments.set(segment, bytes);
  }

  /** Adds a new generation, and deletes the snapshots that are not kept any more. */
  async published({ number, bytes }: Snapshot): Promise<void> {
    this.#snapshotBytes.set(number, bytes);
    const kept = [number, ...this.#snapshots].slice(0, keptGenerations);
    for (const other of [...this.#snapshotBytes.keys()].filter((one) => !kept.includes(one))) {
      this.#remove(snapshotFileName(other));
      this.#snapshotBytes.delete(other);
    }
    await this.#disk.syncDirectory(this.#directory);
    this.#snapshots = kept;
  }

  /** Deletes a segment that is not needed as log. No position in it may be in use. */
  deleteSegment(segment: number): void {
    if (segment >= this.firstNeeded) throw new Error(`segment ${segment} is still needed`);
    this.#remove(segmentFileName(segment));
    this.#segments.delete(segment);
  }

  #remove(name: string): void {
    removeIfThere(this.#disk, path.join(this.#directory, name));
  }
}
