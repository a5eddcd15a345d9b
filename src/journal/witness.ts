/**
 * The witness: a small file beside the log. It proves that a journal was created, and up to where
 * its log was on the disk. The layout is in `format.ts`.
 *
 * Without it, a newest segment that is missing, empty or cut between two frames would look as if it
 * had never been longer: no other file knows the length of the newest segment. The witness lags
 * behind the log, so it never proves more than was written.
 */
import * as path from 'node:path';
import { crc32 } from 'node:zlib';
import { type Disk, type DiskFile, errorCodeOf, isDiskFull, writeFully } from './disk.js';
import { witnessFileName } from './file-names.js';
import { FileWindow } from './file-window.js';
import { fileMagic, getUint53, setUint53, witnessBytes } from './format.js';

/** The claim of a witness: the log was on the disk up to `lsn`, in `segment`. */
export interface Testimony {
  readonly segment: number;
  readonly lsn: number;
}

/** Proves only that a journal exists. */
const noTestimony: Testimony = { segment: 0, lsn: 0 };

export class Witness {
  readonly #file: DiskFile;
  #lsn: number;

  /** Opens a witness that records `said`, or creates it durably. */
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

  /** The LSN that the witness records: the log up to here cannot be lost unnoticed. */
  get lsn(): number {
    return this.#lsn;
  }

  /** Records how far the log is on the disk. Does nothing if the disk is full. */
  async record(said: Testimony): Promise<void> {
    if (!this.#write(said)) return;
    await this.#file.sync();
    this.#lsn = said.lsn;
  }

  /** Does the same, blocking. */
  recordNow(said: Testimony): void {
    if (!this.#write(said)) return;
    this.#file.syncNow();
    this.#lsn = said.lsn;
  }

  close(): void {
    this.#file.close();
  }

  /** Returns `false` if the disk is full. */
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
 * Reads a witness. One that is damaged, or was cut short while it was written, proves only that a
 * journal exists: the log is no worse for it, and opening writes the witness again.
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
