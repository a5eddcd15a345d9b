/**
 * Short paths for sockets in directories with long paths. The path of a unix socket ends after 107
 * bytes (103 on systems other than Linux), and Node cuts a longer path without an error: the lock
 * would be elsewhere, or two directories would share it.
 */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

const longestPathBytes = 103;
const ownDescriptors = '/proc/self/fd';

/** Goes through an open `descriptor` of the directory (Linux), or a temporary symbolic `link`. */
export type Shortcut = 'descriptor' | 'link';

/** Calls `use` with a short path of `name` in `directory`, valid until `use` has resolved. */
export async function withShortPath<T>(
  directory: string,
  name: string,
  use: (socketPath: string) => Promise<T>,
  shortcut: Shortcut = fs.existsSync(ownDescriptors) ? 'descriptor' : 'link',
): Promise<T> {
  const direct = path.join(directory, name);
  if (Buffer.byteLength(direct) <= longestPathBytes) return use(direct);
  return shortcut === 'descriptor' ? throughDescriptor(directory, name, use) : throughLink(directory, name, use);
}

async function throughDescriptor<T>(
  directory: string,
  name: string,
  use: (socketPath: string) => Promise<T>,
): Promise<T> {
  const descriptor = fs.openSync(directory, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  try {
    return await use(`${ownDescriptors}/${descriptor}/${name}`);
  } finally {
    fs.closeSync(descriptor);
  }
}

async function throughLink<T>(directory: string, name: string, use: (socketPath: string) => Promise<T>): Promise<T> {
  const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'callsheet-'));
  try {
    const link = path.join(temporary, 'd');
    fs.symlinkSync(directory, link);
    const socketPath = path.join(link, name);
    if (Buffer.byteLength(socketPath) > longestPathBytes)
      throw new Error(
        `the socket path ${socketPath} must have at most ${longestPathBytes} bytes: set TMPDIR to a shorter path`,
      );
    return await use(socketPath);
  } finally {
    fs.rmSync(temporary, { recursive: true });
  }
}
