/**
 * Temporary directories for journals, on a real file system.
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

  /** The file system's name, or its number if the name is unknown. */
  get fileSystem(): string {
    const { type } = statfsSync(this.root);
    return fileSystems[type] ?? `0x${type.toString(16)}`;
  }

  /** Returns an unused path. */
  newPath(): string {
    return join(this.root, String(++this.#made));
  }

  remove(path = this.root): void {
    // A runtime that is still open, because a signal ended the process, may make files meanwhile.
    rmSync(path, { recursive: true, force: true, maxRetries: 5 });
  }
}
