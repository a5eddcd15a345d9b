/**
 * Which files of the journal are there, which of them are needed, and the deletion of the others. Two generations are needed: their
 * snapshots, and all segments from the older one's on. Older segments may hold entries that somebody has positions of: who has
 * none any more says so.
 *
 * Order matters when deleting: a snapshot goes before the segments that only its log needs, and a snapshot's name has to be gone
 * on the disk before they go, so that a crash in between leaves no generation that looks whole and is not.
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
  /** Sizes of the sealed segments. */
  readonly #segments: Map<number, number>;
  /** The numbers of the snapshots that are kept, the newest first. */
  #snapshots: number[];
  /** Sizes of all snapshots that are there. */
  readonly #snapshotBytes: Map<number, number>;

  constructor(disk: Disk, directory: string, { segmentBytes, snapshotBytes, generation, last }: RecoveredLog) {
    this.#disk = disk;
    this.#directory = directory;
    this.#segments = new Map(segmentBytes);
    if (last !== undefined) this.#segments.delete(last.number);
    this.#snapshotBytes = new Map(snapshotBytes);
    // Snapshots that are newer than the one that was good enough to start from are damaged, and not kept.
    const isUsable = (number: number) => generation.snapshot !== undefined && number <= generation.number;
    this.#snapshots = [...snapshotBytes.keys()]
      .filter(isUsable)
      .sort((a, b) => b - a)
      .slice(0, keptGenerations);
  }

  /** The snapshot published last; undefined if there is none. */
  get newest(): number | undefined {
    return this.#snapshots[0];
  }

  /** Segments from this one on are needed as log. */
  get firstNeeded(): number {
    return this.#snapshots[keptGenerations - 1] ?? 1;
  }

  /** Size of all sealed segments and snapshots. */
  get bytes(): number {
    let bytes = 0;
    for (const size of this.#segments.values()) bytes += size;
    for (const size of this.#snapshotBytes.values()) bytes += size;
    return bytes;
  }

  /** The size of the newest snapshot, or 0. */
  get newestBytes(): number {
    return this.#snapshotBytes.get(this.newest ?? 0) ?? 0;
  }

  /** Segments that are not needed as log, with their sizes, the oldest first. */
  payloadSegments(): [number: number, bytes: number][] {
    return [...this.#segments].filter(([number]) => number < this.firstNeeded).sort(([a], [b]) => a - b);
  }

  sealed(segment: number, bytes: number): void {
    this.#segments.set(segment, bytes);
  }

  /** Notes a new generation, and deletes the snapshots that are not kept any more. */
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

  /** Deletes a segment that is not needed as log, and that nobody has positions in. */
  deleteSegment(segment: number): void {
    if (segment >= this.firstNeeded) throw new Error(`segment ${segment} is still needed`);
    this.#remove(segmentFileName(segment));
    this.#segments.delete(segment);
  }

  #remove(name: string): void {
    removeIfThere(this.#disk, path.join(this.#directory, name));
  }
}
