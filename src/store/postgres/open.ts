/** Opens the store of a runtime on PostgreSQL. Loaded only if the runtime asks for it. */
import { SharedStore } from '../shared/shared-store.js';
import type { StoreOutside } from '../store.js';
import { PostgresDatabase, type PostgresOptions } from './database.js';

/** Milliseconds between polls, a quarter more or less. They make up for lost notifications. */
const pollMs = 1000;

export async function openPostgres(options: PostgresOptions, outside: StoreOutside): Promise<SharedStore> {
  const database = new PostgresDatabase(options);
  await database.open();
  const everyMs = pollMs * (0.75 + outside.random() / 2);
  return new SharedStore(database, outside, { poll: { everyMs, after } });
}

function after(delayMs: number, callback: () => void): { clear(): void } {
  const timer = setTimeout(callback, delayMs);
  return { clear: () => clearTimeout(timer) };
}
