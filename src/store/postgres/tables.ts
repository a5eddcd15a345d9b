/** The names of tables and a function with their schema: a connection has no path to find them. */
import { quoted } from './connection.js';

const names = [
  ...['sessions', 'patience', 'positions', 'jobs', 'lanes', 'places', 'settings', 'annotations', 'buckets'],
  ...['listeners', 'happenings', 'outbox', 'promotions', 'payloads', 'slices', 'uses', 'expect'],
] as const;

export type Tables = Readonly<Record<(typeof names)[number], string>>;

export function tablesOf(schema: string): Tables {
  return Object.fromEntries(names.map((name) => [name, `${quoted(schema)}.${name}`])) as unknown as Tables;
}
