/**
 * Shared by the tests of the journal: transactions as plain lists, and a replay that collects them.
 */
import type { AppendOptions, Entries, Entry, Journal, Position, Replay } from '../../src/journal/journal.js';

export interface ReadEntry {
  lsn: number;
  type: number;
  bytes: Uint8Array;
  at: Position;
}

/** Collects the content of a journal. */
export class Collector implements Replay {
  readonly segments: number[] = [];
  readonly entries: ReadEntry[] = [];

  segment(segment: number): void {
    this.segments.push(segment);
  }

  entry(entry: Entry, at: Position, lsn: number): void {
    this.entries.push({ lsn, type: entry.type, bytes: entry.bytes.slice(), at });
  }

  /** The transactions, each as one string, so that lists of them can be compared. */
  get transactions(): string[] {
    const byLsn = new Map<number, Entry[]>();
    for (const entry of this.entries) byLsn.set(entry.lsn, [...(byLsn.get(entry.lsn) ?? []), entry]);
    return [...byLsn.values()].map(printed);
  }
}

export function printed(entries: readonly Entry[]): string {
  return entries.map(({ type, bytes }) => `${type}:${Buffer.from(bytes).toString('latin1')}`).join('|');
}

export function entry(type: number, text: string): Entry {
  return { type, bytes: new TextEncoder().encode(text) };
}

/** An entry filled from `seed`. No byte is zero, so that no sector of it looks unwritten. */
export function filled(type: number, length: number, seed: number): Entry {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = 1 + ((seed * 31 + i * 7 + (i >> 8)) % 255);
  return { type, bytes };
}

/** Puts entries into one buffer. */
export function packed(entries: readonly Entry[]): Entries {
  let end = 0;
  const table = entries.flatMap(({ type, bytes }) => {
    end += bytes.length;
    return [type, end];
  });
  return { count: entries.length, bytes: Buffer.concat(entries.map(({ bytes }) => bytes)), table };
}

/** Appends entries. Returns the position of each. */
export function appendAll(
  journal: Journal,
  entries: readonly Entry[],
  options?: AppendOptions,
): { lsn: number; positions: Position[] } {
  const { lsn, positions } = journal.append(packed(entries), options);
  const { segment, offsets, checksums } = positions;
  return {
    lsn,
    positions: entries.map(({ bytes }, index) => ({
      segment,
      offset: offsets[index]!,
      length: bytes.length,
      checksum: checksums[index]! >>> 0,
    })),
  };
}

export function append(journal: Journal, ...entries: Entry[]): number {
  return appendAll(journal, entries).lsn;
}

/** Returns a generator of random numbers that a seed repeats (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
