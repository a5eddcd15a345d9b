/**
 * Finds the owner of a directory from outside, by the socket of its lock; see `lock.ts`.
 */
import * as fs from 'node:fs';
import * as net from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { DirectoryUnusableError } from '../errors.js';
import { errorCodeOf, machineDisk } from './disk.js';
import { epochOf, lockFileName, ownerFileName } from './file-names.js';
import { withShortPath } from './short-path.js';

/** Returns 0 if the directory had no owner yet. */
export function highestEpoch(directory: string): number {
  let highest = 0;
  for (const entry of fs.readdirSync(directory, { withFileTypes: true })) {
    const epoch = epochOf(entry.name) ?? 0;
    // The link may lead to the socket of another program, or to something that never looks dead.
    if (epoch > 0 && entry.isSymbolicLink())
      throw new Error(`${entry.name} must be a socket, but is a symbolic link: remove it`);
    highest = Math.max(highest, epoch);
  }
  return highest;
}

/** Finds whether an owner listens. `gone`: its file was removed; a higher epoch exists. */
export function ownerState(directory: string, epoch: number): Promise<'alive' | 'dead' | 'gone'> {
  return withShortPath(directory, lockFileName(epoch), (socketPath) => {
    return new Promise((resolve) => {
      const connection = net.connect(socketPath);
      connection.once('connect', () => {
        connection.destroy();
        resolve('alive');
      });
      connection.once('error', (error) => {
        const code = errorCodeOf(error);
        resolve(code === 'ECONNREFUSED' ? 'dead' : code === 'ENOENT' ? 'gone' : 'alive');
      });
    });
  });
}

/** Resolves when the connection to an owner ends, and after `mostMs` at the latest. */
export function ownerChange(directory: string, epoch: number, mostMs: number): Promise<void> {
  return withShortPath(directory, lockFileName(epoch), (socketPath) => {
    return new Promise((resolve) => {
      const connection = net.connect(socketPath);
      const end = () => {
        clearTimeout(limit);
        connection.destroy();
        resolve();
      };
      let limit = setTimeout(end, Math.min(mostMs, longestWaitMs));
      // An owner that takes no connection at the moment is asked again after a while.
      const again = () => {
        clearTimeout(limit);
        limit = setTimeout(end, Math.min(mostMs, againMs));
      };
      connection.once('connect', () => connection.once('close', end)).once('error', again);
      connection.resume();
    });
  });
}

/**
 * Connects to the owner of a directory. Undefined if the directory has no owner, or if the owner
 * takes no connection at the moment.
 *
 * Throws `DIRECTORY_UNUSABLE` if this user may not connect.
 */
export async function connectToOwner(directory: string): Promise<net.Socket | undefined> {
  const epoch = fs.existsSync(directory) ? highestEpoch(directory) : 0;
  if (epoch === 0) return undefined;
  return withShortPath(directory, lockFileName(epoch), (socketPath) => {
    return new Promise((resolve, reject) => {
      const connection = net.connect(socketPath);
      connection.once('connect', () => resolve(connection.removeAllListeners('error')));
      connection.once('error', (error) => {
        const code = errorCodeOf(error);
        if (code !== 'EACCES' && code !== 'EPERM') return resolve(undefined);
        const message = `${directory} is in use by ${ownerName(directory, epoch)}, which runs as another user: only its own user may connect`;
        reject(new DirectoryUnusableError(message, { cause: error }));
      });
    });
  });
}

/**
 * Says for an error which process has the directory open now, or that none has. A process that is
 * just dying still takes a connection, but ends it.
 */
export async function ownerNow(directory: string): Promise<{ readonly isThere: boolean; readonly text: string }> {
  const isThere = await holds(await connectToOwner(directory));
  const owner = describeOwner(directory);
  if (isThere) return { isThere, text: `${owner} has ${directory} open` };
  const last = owner === undefined ? '' : ` any more (the last was ${owner})`;
  return { isThere, text: `no process has ${directory} open${last}` };
}

/** Whether the connection lasts for a moment. */
function holds(connection: net.Socket | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    if (connection === undefined) return resolve(false);
    const end = (isThere: boolean) => {
      clearTimeout(timer);
      connection.destroy();
      resolve(isThere);
    };
    const timer = setTimeout(() => end(true), momentMs);
    connection.on('error', () => {}).once('close', () => end(false));
    connection.resume();
  });
}

/** Returns the owner's name for a message. It is in a file: a stopped owner cannot answer. */
export function ownerName(directory: string, epoch: number): string {
  try {
    const [pid, host] = readStart(path.join(directory, ownerFileName(epoch)))
      .trim()
      .split(' ');
    if (host === undefined) return 'another process';
    return pid === String(process.pid) && host === os.hostname()
      ? `this process (pid ${pid})`
      : `the process with pid ${pid} on ${host}`;
  } catch {
    return 'another process';
  }
}

/** Returns the name of the newest owner, alive or not; undefined if the directory had none. */
export function describeOwner(directory: string): string | undefined {
  const epoch = fs.existsSync(directory) ? highestEpoch(directory) : 0;
  return epoch === 0 ? undefined : ownerName(directory, epoch);
}

function readStart(name: string): string {
  const file = machineDisk.open(name, 'read');
  try {
    const bytes = Buffer.alloc(1024);
    return bytes.toString('utf8', 0, file.read(bytes, 0));
  } finally {
    file.close();
  }
}

/** Far below the longest delay of a timer. The wait then begins anew. */
const longestWaitMs = 3_600_000;
const againMs = 100;
const momentMs = 100;
