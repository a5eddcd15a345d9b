/**
 * One connection to PostgreSQL: the only file that knows the driver `pg`. Its errors become those
 * of the shared store: a conflict, a lost connection, or an error that ends the store.
 */
import type { Client, ClientConfig, Notification, QueryConfig } from 'pg';
import { derivedId } from '../../codec/id.js';
import type { Id } from '../../core/records.js';
import { DatabaseUnusableError, PeerMissingError } from '../../errors.js';
import { ConflictError, ConnectionError } from '../shared/database.js';
import { idFrom, uuidOf } from './values.js';

/** A connection string, or options of `pg.Client` that are plain data. */
export type ConnectionOptions = string | Readonly<Record<string, unknown>>;

/** A row as the driver reads it. */
export type Row = Record<string, unknown>;

/** Runs a statement. Calls in one turn are sent together. */
export type Run = <R extends Row>(text: string, values?: unknown[]) => Promise<R[]>;

/** Runs a `copy … to stdout`. The pieces of its output must be used before `take` returns. */
export type Copy = (text: string, take: (piece: Buffer) => void) => Promise<void>;

/** Milliseconds that a connection may take to begin. */
const connectMs = 10_000;
/** Milliseconds between two attempts to connect to a server that starts up. */
const startingMs = 100;
/** Milliseconds without an answer after which a connection counts as lost. */
const answerMs = 30_000;
/** Milliseconds that the end of a connection in good order may take. */
const closeMs = 1000;

/** The socket of a client. */
interface Wire {
  cork(): void;
  uncork(): void;
  destroy(): void;
}

/**
 * A statement gets a name when it is run for the second time: the server then keeps its plan. The
 * name says what the text is, since behind a pooler others may have given it before.
 */
const nameFrom = 2;
/** The most statements of a connection that may get a name. */
const mostNamed = 256;
/** `false` once a pooler has shown that it does not keep names. */
let namesLast = true;
/** There is no statement of this name, or there is one already. */
const nameErrors = new Set(['26000', '42P05']);

export class Connection {
  readonly #client: Client;
  /** How often each statement was run, up to `nameFrom`. */
  readonly #runs = new Map<string, { count: number; name?: string }>();
  #isCorked = false;
  #lost: Error | undefined;

  private constructor(client: Client) {
    this.#client = client;
  }

  /** Connects. `lost` is called once, when the server or the network ends the connection. */
  static async open(options: ConnectionOptions, lost: (error: Error) => void = () => {}): Promise<Connection> {
    const { default: pg } = await loadDriver();
    const given: ClientConfig = typeof options === 'string' ? { connectionString: options } : options;
    const limits = { connectionTimeoutMillis: connectMs, query_timeout: answerMs };
    // A pipeline saves ways to the server: statements that need no answer are sent together.
    const client = clientOf(pg, { ...limits, keepAlive: true, ...given, pipeline: true } as ClientConfig);
    const connection = new Connection(client);
    const note = (error: Error) => {
      if (connection.#lost !== undefined) return;
      connection.#lost = error;
      lost(error);
    };
    client.on('error', note);
    client.on('end', () => note(new Error('the server ended the connection')));
    try {
      await client.connect();
    } catch (error) {
      connection.#lost = error as Error;
      throw meaningOf(error);
    }
    return connection;
  }

  /**
   * Connects for the first time, and works: an address that does not answer, or a server that is
   * read-only, is an error here. Only a server that starts up is waited for.
   */
  static async first<T>(options: ConnectionOptions, work: (connection: Connection) => Promise<T>): Promise<T> {
    let connection: Connection | undefined;
    try {
      connection = await started(options);
      return await work(connection);
    } catch (error) {
      connection?.drop();
      if (!(error instanceof ConnectionError)) throw error;
      const reason = error.message === '' ? String(error.cause) : error.message;
      const problem =
        sqlStateOf(error) === readOnly
          ? 'PostgreSQL is read-only: name a server, database and role that accept writes'
          : 'PostgreSQL cannot be reached';
      throw new DatabaseUnusableError(`${problem}: ${reason}`, { cause: error.cause });
    }
  }

  get isLost(): boolean {
    return this.#lost !== undefined;
  }

  /** Runs one statement. Several calls in one turn are sent together, and answered in order. */
  async run<R extends Row = Row>(text: string, values: unknown[] = []): Promise<R[]> {
    const answer = await this.#ask(() => this.#client.query<R>(this.#queryOf(text, values)));
    // Several statements in one text have several answers, which are of no use.
    return Array.isArray(answer) ? [] : answer.rows;
  }

  /** See `Copy`. */
  copy(text: string, take: (piece: Buffer) => void): Promise<void> {
    return this.#ask(async () => {
      const { default: pg } = await loadDriver();
      const query = Object.assign(new pg.Query(text), {
        handleCopyData: ({ chunk }: { readonly chunk: Buffer }) => take(chunk),
      });
      await new Promise<void>((resolve, reject) => {
        const end = (error: Error | null | undefined) => (error ? reject(error) : resolve());
        this.#client.query(Object.assign(query, { callback: end }));
      });
    });
  }

  async #ask<A>(send: () => Promise<A>): Promise<A> {
    if (this.#lost !== undefined) throw new ConnectionError('the connection is lost', { cause: this.#lost });
    try {
      this.#cork();
      return await send();
    } catch (error) {
      const meaning = meaningOf(error);
      if (meaning instanceof ConnectionError) this.drop();
      throw meaning;
    }
  }

  /** All that is asked in a turn leaves in one packet. */
  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    const { stream } = this.#wire;
    stream.cork();
    process.nextTick(() => {
      this.#isCorked = false;
      stream.uncork();
    });
  }

  #queryOf(text: string, values: unknown[]): QueryConfig {
    // Several statements in one text have no name, and no values.
    if (text.includes(';')) return { text };
    const run = this.#runs.get(text) ?? { count: 0 };
    if (this.#runs.size < mostNamed) this.#runs.set(text, run);
    if (namesLast && ++run.count === nameFrom) run.name = uuidOf(derivedId(text))!;
    return namesLast && run.name !== undefined ? { text, values, name: run.name } : { text, values };
  }

  get #wire(): { readonly stream: Wire } {
    return (this.#client as unknown as { connection: { stream: Wire } }).connection;
  }

  /** Calls `heard` for each notification on a channel. `isOwn`: this connection has sent it. */
  async listen(channel: string, heard: (payload: string, isOwn: boolean) => void): Promise<void> {
    const own = (this.#client as unknown as { processID: number | null }).processID;
    this.#client.on('notification', ({ processId, payload = '' }: Notification) => {
      heard(payload, processId === own);
    });
    await this.run(`listen ${quoted(channel)}`);
  }

  /** Ends the connection at once, without waiting for its answers. */
  drop(): void {
    this.#lost ??= new Error('the connection was dropped');
    this.#wire.stream.destroy();
  }

  /** Ends the connection in good order. */
  async close(): Promise<void> {
    if (this.isLost) return;
    this.#lost = new Error('the connection is closed');
    const limit = setTimeout(() => this.drop(), closeMs);
    await this.#client.end();
    clearTimeout(limit);
  }
}

/** Makes a client, which reads the address, and the files of certificates that it names. */
function clientOf(pg: typeof import('pg'), options: ClientConfig): Client {
  try {
    return new pg.Client(options);
  } catch (error) {
    // No cause: it may hold the address, and so the password.
    throw new DatabaseUnusableError(
      `the connection string of PostgreSQL cannot be used: ${(error as Error).message}; check its port, and encode special characters`,
    );
  }
}

/** Connects to a server that may still start up. */
async function started(options: ConnectionOptions): Promise<Connection> {
  const until = performance.now() + connectMs;
  for (;;) {
    try {
      return await Connection.open(options);
    } catch (error) {
      if (sqlStateOf(error) !== startingUp || performance.now() >= until) throw error;
      await new Promise((resolve) => setTimeout(resolve, startingMs));
    }
  }
}

const sqlStateOf = (error: unknown) => ((error as Error).cause as { code?: string } | undefined)?.code;

/** Returns a name as SQL spells it, whatever is in it. */
export const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

async function loadDriver(): Promise<{ default: typeof import('pg') }> {
  try {
    return (await import('pg')) as unknown as { default: typeof import('pg') };
  } catch (error) {
    throw new PeerMissingError(
      'the option `postgres` needs the package `pg`, which is not installed: run `npm install pg`',
      { cause: error },
    );
  }
}

/** Codes of SQLSTATE after which the transaction can be run again. */
const conflicts = new Set(['40001', '40P01', '55P03']);
const startingUp = '57P03';
const readOnly = '25006';
/** The server ends or is read-only, has no connection left, or has ended this one. */
const endings = new Set(['57P01', '57P02', startingUp, '57P05', '25P03', '25P04', readOnly, '53300']);
const uniqueViolation = '23505';

function meaningOf(error: unknown): Error {
  const { code = '', message, detail } = error as { code?: string; message: string; detail?: string };
  const options = { cause: error };
  const isOfServer = /^[0-9A-Z]{5}$/.test(code) && 'severity' in (error as object);
  if (isOfServer && nameErrors.has(code)) namesLast = false;
  if (!isOfServer || code.startsWith('08') || endings.has(code) || nameErrors.has(code))
    return new ConnectionError(message, options);
  if (conflicts.has(code)) return new ConflictError(undefined, options);
  if (code === uniqueViolation) return new ConflictError(takenIn(detail), options);
  return new DatabaseUnusableError(`PostgreSQL refused a statement: ${message} (SQLSTATE ${code})`, options);
}

/** Returns the id of the job that was there already. */
function takenIn(detail = ''): Id | undefined {
  const uuid = /^Key \(id\)=\(([0-9a-f-]{36})\)/.exec(detail)?.[1];
  return uuid === undefined ? undefined : idFrom(uuid);
}
