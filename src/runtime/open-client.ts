/**
 * Opens a client of the process that has a directory open. Imported only where it is needed. It
 * starts no thread.
 */
import { idFromText, idToText, newId } from '../codec/id.js';
import type { Level } from '../core/records.js';
import { connectToOwner, ownerNow } from '../journal/owner.js';
import { Client } from './client.js';
import { jobHandles } from './job.js';
import { Link } from './link.js';
import type { LogMessage } from './logs.js';
import { OwnerPort, type OwnerSearch } from './owner-port.js';

export interface ClientSetup {
  readonly directory: string;
  readonly durability: Level;
  readonly payloadLimitBytes: number;
  /** See `OpenOptions`. */
  readonly waitMs: number;
}

/** An open client, with what the owner said of the directory. */
export interface OpenedClient {
  readonly client: Client;
  readonly found: { readonly jobs: number; readonly unfinished: number; readonly dispatcher: string };
  end(): Promise<void>;
}

export type MakeClient = (...made: ConstructorParameters<typeof Client>) => Client;

/** Whether a process has the directory open. */
export async function hasOwner(directory: string): Promise<boolean> {
  const connection = await connectToOwner(directory);
  connection?.destroy();
  return connection !== undefined;
}

export async function openClient(setup: ClientSetup, onLog: (message: LogMessage) => void): Promise<OpenedClient> {
  const { directory } = setup;
  const search = {
    connect: () => connectToOwner(directory),
    why: async () => {
      const { isThere, text } = await ownerNow(directory);
      return text + (isThere ? ', and does not answer' : ": open it in one, without share: 'client'");
    },
  };
  return openThrough(search, setup, onLog);
}

/** @internal Opens a client of the owner that the search finds. */
export async function openThrough(
  search: OwnerSearch,
  { durability, payloadLimitBytes, waitMs }: Omit<ClientSetup, 'directory'>,
  onLog: (message: LogMessage) => void,
  makeClient: MakeClient = (...made) => new Client(...made),
): Promise<OpenedClient> {
  const id = newId();
  const port = new OwnerPort(search, id, waitMs);
  const link = new Link(port, onLog);
  try {
    const [, found, modules] = await link.opened();
    const dispatcher = idFromText(found.dispatcher)!;
    const client = makeClient(link, jobHandles, dispatcher, modules, durability, payloadLimitBytes, true, true);
    link.onNext = ([, { dispatcher }, modules]) => client.serve(idFromText(dispatcher)!, modules);
    return { client, found: { ...found, dispatcher: idToText(id) }, end: () => port.end() };
  } catch (error) {
    link.end(error as Error);
    await port.end();
    throw error;
  }
}
