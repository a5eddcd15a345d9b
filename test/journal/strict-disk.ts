/**
 * A disk in memory that keeps no more than its contract. After a crash unsynced bytes are there or
 * not, sector by sector, in any order; a new name may be lost until its directory is synced; a size
 * may be older or newer than the data. It counts every operation, and can fail, cut short or crash
 * at any of them.
 */
import * as path from 'node:path';
import type { Disk, DiskFile, OpenMode } from '../../src/journal/disk.js';

export const sectorBytes = 512;

export type Operation =
  | 'list'
  | 'makeDirectory'
  | 'checkDirectory'
  | 'fileSystemType'
  | 'freeBytes'
  | 'isInPlace'
  | 'open'
  | 'unlink'
  | 'rename'
  | 'syncDirectory'
  | 'size'
  | 'read'
  | 'write'
  | 'truncate'
  | 'sync'
  | 'close';

/** Chooses one of `count` possibilities. */
export type Pick = (count: number) => number;

type Change = { kind: 'write'; offset: number; bytes: Uint8Array } | { kind: 'truncate'; size: number };

/** A file's content. The arrays are never changed, only replaced, so they may be shared. */
class Inode {
  live: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  durable: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  unsynced: Change[] = [];
  /** The number of changes that are durable. */
  #settled = 0;

  /** `true` after a failed sync: the system takes bytes for written that are not on the disk. */
  hasForgotten = false;

  change(change: Change): void {
    this.live = applied(this.live, change);
    this.unsynced.push(this.hasForgotten && change.kind === 'write' ? this.#wholeSectors(change) : change);
  }

  forgetUnsynced(): void {
    this.#settled = this.changes;
    this.unsynced = [];
    this.hasForgotten = true;
  }

  /** Extends a write to whole sectors with their forgotten bytes: no sector is half old. */
  #wholeSectors({ offset, bytes }: Extract<Change, { kind: 'write' }>): Change {
    const from = offset - (offset % sectorBytes);
    const to = Math.min(Math.ceil((offset + bytes.length) / sectorBytes) * sectorBytes, this.live.length);
    return { kind: 'write', offset: from, bytes: this.live.slice(from, to) };
  }

  /** The number of all changes so far. */
  get changes(): number {
    return this.#settled + this.unsynced.length;
  }

  /** Makes the first `changes` changes durable. */
  settle(changes: number): void {
    const count = Math.max(0, changes - this.#settled);
    for (const change of this.unsynced.splice(0, count)) this.durable = applied(this.durable, change);
    this.#settled += count;
  }

  /**
   * Returns what a crash may leave: any version of each sector since the last sync, and of the
   * size.
   */
  afterCrash(pick: Pick): Uint8Array<ArrayBuffer> {
    const sizes = [this.durable.length];
    const versions = new Map<number, Uint8Array[]>();
    let now = this.durable;
    for (const change of this.unsynced) {
      const next = applied(now, change);
      const from = change.kind === 'write' ? change.offset : Math.min(now.length, next.length);
      const to = change.kind === 'write' ? change.offset + change.bytes.length : Math.max(now.length, next.length);
      for (let sector = Math.floor(from / sectorBytes); sector * sectorBytes < to; sector++) {
        const list = versions.get(sector) ?? [sectorOf(this.durable, sector)];
        list.push(sectorOf(next, sector));
        versions.set(sector, list);
      }
      sizes.push(next.length);
      now = next;
    }
    const size = sizes[pick(sizes.length)]!;
    const left = new Uint8Array(size);
    left.set(this.durable.subarray(0, size));
    for (const [sector, list] of versions) {
      const at = sector * sectorBytes;
      const chosen = list[pick(list.length)]!;
      if (at < size) left.set(chosen.subarray(0, size - at), at);
    }
    return left;
  }
}

function applied(bytes: Uint8Array<ArrayBuffer>, change: Change): Uint8Array<ArrayBuffer> {
  const size = change.kind === 'truncate' ? change.size : Math.max(bytes.length, change.offset + change.bytes.length);
  const next = new Uint8Array(size);
  next.set(bytes.subarray(0, size));
  if (change.kind === 'write') next.set(change.bytes, change.offset);
  return next;
}

function sectorOf(bytes: Uint8Array, sector: number): Uint8Array {
  const copy = new Uint8Array(sectorBytes);
  copy.set(bytes.subarray(sector * sectorBytes, (sector + 1) * sectorBytes));
  return copy;
}

export function diskError(code: string, syscall: string = 'simulated'): Error {
  return Object.assign(new Error(`${code}: simulated`), { code, syscall });
}

export class StrictDisk implements Disk {
  /** Counts operations: the crash points. */
  operations = 0;
  readonly counts = new Map<Operation, number>();
  /**
   * Called before each operation, with the `offset` of a write. May throw, or return the number of
   * bytes that a write is cut to.
   */
  fault: ((operation: Operation, file: string, number: number, offset: number) => number | undefined) | undefined;
  /** The type of the file system; the default is ext4. */
  type = 0xef53;
  /** The size of the disk. */
  capacityBytes = Number.POSITIVE_INFINITY;
  /** `true` after a failed sync: the bytes before it may be gone, even if only the process ends. */
  hasForgotten = false;
  /** Delays asynchronous syncs that begin while it is set. */
  syncGate: Promise<void> | undefined;
  /** `true`: too many files are open for a second sync. */
  cannotSyncBeside = false;

  readonly #names = new Map<string, Inode>();
  readonly #durableNames = new Map<string, Inode>();
  readonly #directories = new Set<string>(['/']);
  #unsyncedNames: { name: string; inode: Inode | undefined }[] = [];

  /** Returns the disk as a power loss may leave it. */
  afterCrash(pick: Pick): StrictDisk {
    const names = new Map(this.#durableNames);
    for (const { name, inode } of this.#unsyncedNames) {
      if (pick(2) === 0) continue;
      if (inode === undefined) names.delete(name);
      else names.set(name, inode);
    }
    const left = new StrictDisk();
    for (const directory of this.#directories) left.#directories.add(directory);
    for (const [name, inode] of names) left.put(name, inode.afterCrash(pick));
    return left;
  }

  /** Returns a copy as kill -9 leaves it: as the system shows it. */
  afterKill(): StrictDisk {
    return this.afterCrash((count) => count - 1);
  }

  /**
   * Does to the cache what a failed sync does: unsynced bytes can still be read and count as clean,
   * so no later sync writes them.
   */
  forgetUnsynced(): void {
    this.hasForgotten = true;
    for (const inode of this.#names.values()) inode.forgetUnsynced();
  }

  /** Sets a file's content, durably. */
  put(name: string, bytes: Uint8Array): void {
    const inode = new Inode();
    inode.live = bytes.slice();
    inode.durable = inode.live;
    this.#directories.add(path.dirname(name));
    this.#names.set(name, inode);
    this.#durableNames.set(name, inode);
  }

  /** Returns the files as the system shows them. */
  files(): Map<string, Uint8Array> {
    return new Map([...this.#names].map(([name, inode]) => [name, inode.live]));
  }

  get usedBytes(): number {
    let bytes = 0;
    for (const inode of this.#names.values()) bytes += inode.live.length;
    return bytes;
  }

  list(directory: string): string[] {
    this.step('list', directory);
    return [...this.#names.keys()]
      .filter((name) => path.dirname(name) === directory)
      .map((name) => path.basename(name));
  }

  makeDirectory(directory: string): void {
    this.step('makeDirectory', directory);
    if (this.#directories.has(directory)) throw diskError('EEXIST', 'mkdir');
    if (!this.#directories.has(path.dirname(directory))) throw diskError('ENOENT', 'mkdir');
    this.#directories.add(directory);
  }

  checkDirectory(directory: string): void {
    this.step('checkDirectory', directory);
    if (!this.#directories.has(directory)) throw diskError('ENOENT', 'access');
  }

  fileSystemType(name: string): number {
    this.step('fileSystemType', name);
    if (!this.#directories.has(name)) throw diskError('ENOENT', 'statfs');
    return this.type;
  }

  freeBytes(name: string): number {
    this.step('freeBytes', name);
    return 1024 * 1024 * 1024;
  }

  leadsTo(name: string, inode: object): boolean {
    return this.#names.get(name) === inode;
  }

  open(name: string, mode: OpenMode): DiskFile {
    this.step('open', name);
    let inode = this.#names.get(name);
    if (mode === 'create') {
      if (inode !== undefined) throw diskError('EEXIST', 'open');
      inode = new Inode();
      this.#names.set(name, inode);
      this.#unsyncedNames.push({ name, inode });
    }
    if (inode === undefined) throw diskError('ENOENT', 'open');
    return new StrictFile(this, name, inode);
  }

  unlink(name: string): void {
    this.step('unlink', name);
    if (!this.#names.delete(name)) throw diskError('ENOENT', 'unlink');
    this.#unsyncedNames.push({ name, inode: undefined });
  }

  rename(from: string, to: string): void {
    this.step('rename', to);
    const inode = this.#names.get(from);
    if (inode === undefined) throw diskError('ENOENT', 'rename');
    this.#names.delete(from);
    this.#names.set(to, inode);
    // Stricter than file systems: after a crash either name may exist, both, or none.
    this.#unsyncedNames.push({ name: to, inode }, { name: from, inode: undefined });
  }

  async syncDirectory(directory: string): Promise<void> {
    const count = this.#unsyncedNames.length;
    this.step('syncDirectory', directory);
    await this.syncGate;
    this.#settleNames(count);
  }

  syncDirectoryNow(directory: string): void {
    this.step('syncDirectory', directory);
    this.#settleNames(this.#unsyncedNames.length);
  }

  step(operation: Operation, file: string, offset = 0): number | undefined {
    this.operations += 1;
    this.counts.set(operation, (this.counts.get(operation) ?? 0) + 1);
    return this.fault?.(operation, file, this.operations, offset);
  }

  #settleNames(count: number): void {
    for (const { name, inode } of this.#unsyncedNames.splice(0, count)) {
      if (inode === undefined) this.#durableNames.delete(name);
      else this.#durableNames.set(name, inode);
    }
  }
}

class StrictFile implements DiskFile {
  readonly path: string;
  readonly #disk: StrictDisk;
  readonly #inode: Inode;
  #isOpen = true;

  constructor(disk: StrictDisk, name: string, inode: Inode) {
    this.#disk = disk;
    this.path = name;
    this.#inode = inode;
  }

  size(): number {
    this.#step('size');
    return this.#inode.live.length;
  }

  read(into: Uint8Array, offset: number): number {
    this.#step('read');
    const bytes = this.#inode.live.subarray(offset, offset + into.length);
    into.set(bytes);
    return bytes.length;
  }

  write(bytes: Uint8Array, offset: number): number {
    const cutTo = this.#step('write', offset);
    const growth = Math.max(0, offset + bytes.length - this.#inode.live.length);
    const room = Math.max(0, this.#disk.capacityBytes - this.#disk.usedBytes);
    const length = Math.min(bytes.length, cutTo ?? bytes.length, bytes.length - growth + Math.min(growth, room));
    if (length === 0 && bytes.length > 0) throw diskError('ENOSPC', 'write');
    this.#inode.change({ kind: 'write', offset, bytes: bytes.slice(0, length) });
    return length;
  }

  truncate(size: number): void {
    this.#step('truncate');
    this.#inode.change({ kind: 'truncate', size });
  }

  async sync(): Promise<void> {
    const { changes } = this.#inode;
    this.#step('sync');
    await this.#disk.syncGate;
    this.#inode.settle(changes);
  }

  syncBeside(): Promise<void> | undefined {
    return this.#disk.cannotSyncBeside ? undefined : this.sync();
  }

  syncNow(): void {
    this.#step('sync');
    this.#inode.settle(this.#inode.changes);
  }

  isInPlace(): boolean {
    this.#step('isInPlace');
    return this.#disk.leadsTo(this.path, this.#inode);
  }

  close(): void {
    this.#step('close');
    this.#isOpen = false;
  }

  #step(operation: Operation, offset?: number): number | undefined {
    if (!this.#isOpen) throw new Error(`${operation} on ${this.path}, which is closed`);
    return this.#disk.step(operation, this.path, offset);
  }
}
