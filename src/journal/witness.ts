/**
 * The witness: a small file beside the log that says that there was a journal, and up to where its
 * log was on the disk. The layout is in `format.ts`.
 *
 * It is the only fact about the length of the newest segment outside that segment. Without it, a
 * newest segment that is missing, empty or cut between two frames looks like one that never was.
 * It lags behind the log, and so never asks for more than there was.
 */
import * as path from 'node:path';
import { crc32 } from 'node:zlib';
import { type Disk, type DiskFile, errorCodeOf, isDiskFull, writeFully } from './disk.js';
import { witnessFileName } from './file-names.js';
import { FileWindow } from './file-window.js';
import { fileMagic, getUint53, setUint53, witnessBytes } from './format.js';

/** What a witness says: the log was on the disk up to `lsn`, in `segment`. */
export interface Testimony {
  readonly segment: number;
  readonly lsn: number;
}

/** It says only that there is a journal. */
const noTestimony: Testimony = { segment: 0, lsn: 0 };

export class Witness {
  readonly #file: DiskFile;
  #lsn: number;

  /** Opens the witness of a directory, of which `said` was read; makes it, durably, where there is none. */
  static open(disk: Disk, directory: string, said: Testimony | undefined): Witness {
    const name = path.join(directory, witnessFileName);
    if (said !== undefined) return new Witness(disk.open(name, 'write'), said.lsn);
    const file = disk.open(name, 'create');
    try {
      disk.syncDirectoryNow(directory);
    } catch (error) {
      file.close();
      throw error;
    }
    return new Witness(file, 0);
  }

  private constructor(file: DiskFile, lsn: number) {
    this.#file = file;
    this.#lsn = lsn;
  }

  /** The log up to here cannot be lost without notice. */
  get lsn(): number {
    return this.#lsn;
  }

  /** Says what must be on the disk already. A full disk may refuse it: then nothing is said. */
  async record(said: Testimony): Promise<void> {
    if (!this.#write(said)) return;
    await this.#file.sync();
    this.#lsn = said.lsn;
  }

  /** The same, blocking. */
  recordNow(said: Testimony): void {
    if (!this.#write(said)) return;
    this.#file.syncNow();
    this.#lsn = said.lsn;
  }

  close(): void {
    this.#file.close();
  }

  /** False if there is no room. */
  #write({ segment, lsn }: Testimony): boolean {
    const bytes = new Uint8Array(witnessBytes);
    const view = new DataView(bytes.buffer);
    bytes.set(fileMagic);
    setUint53(view, 16, segment);
    setUint53(view, 24, lsn);
    view.setUint32(8, crc32(bytes.subarray(12)), true);
    try {
      writeFully(this.#file, bytes, 0);
      return true;
    } catch (error) {
      if (isDiskFull(error)) return false;
      throw error;
    }
  }
}

/**
 * Reads what a witness says. A damaged one, or one whose writing was cut short, says only that there
 * is a journal: the log is no worse for it, and opening writes it again.
 */
export function readWitness(disk: Disk, directory: string): Testimony {
  const file = disk.open(path.join(directory, witnessFileName), 'read');
  try {
    const window = new FileWindow(file);
    if (window.size !== witnessBytes) return noTestimony;
    const bytes = window.bytes(0, witnessBytes);
    const view = new DataView(bytes.buffer, bytes.byteOffset, witnessBytes);
    if (fileMagic.some((byte, at) => bytes[at] !== byte)) return noTestimony;
    if (crc32(bytes.subarray(12, witnessBytes)) !== view.getUint32(8, true)) return noTestimony;
    return { segment: getUint53(view, 16), lsn: getUint53(view, 24) };
  } catch (error) {
    if (errorCodeOf(error) === 'EIO') return noTestimony;
    throw error;
  } finally {
    file.close();
  }
}
