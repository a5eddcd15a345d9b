/**
 * Directories for journals: on a real file system, and gone afterwards.
 */
import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const fileSystems: Readonly<Record<number, string>> = {
  61267: 'ext4',
  1481003842: 'xfs',
  2435016766: 'btrfs',
  16914836: 'tmpfs',
  2035054128: 'overlay',
  801189825: 'zfs',
};

export class Scratch {
  readonly root: string;
  #made = 0;

  constructor(parent = tmpdir()) {
    this.root = mkdtempSync(join(parent, 'callsheet-bench-'));
  }

  /** The file system's name; its number where that has no name here. */
  get fileSystem(): string {
    const { type } = statfsSync(this.root);
    return fileSystems[type] ?? `0x${type.toString(16)}`;
  }

  /** A path where nothing is. */
  newPath(): string {
    return join(this.root, String(++this.#made));
  }

  remove(path = this.root): void {
    // A runtime that is still there, since the process was told to end, may make files meanwhile.
    rmSync(path, { recursive: true, force: true, maxRetries: 5 });
  }
}
