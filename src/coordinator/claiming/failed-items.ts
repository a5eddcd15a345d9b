/**
 * The failed items of a map, which a retry of the map runs again.
 *
 * When a chunk is folded, its items are forgotten. Those that failed are packed as the arguments of
 * the chunk, with their places. A retry makes them the items of a new chunk, whose arguments are
 * the list of the old one, and their places in it. The new chunk is folded with that list.
 */
import { decodePayload, encodePayload } from '../../codec/payload.js';
import type { JobSpec, RetriedChunk } from '../../core/commands.js';
import { isFolded } from '../../core/map.js';
import type { Id, JobRecord } from '../../core/records.js';
import { failedItem, isGood } from '../../core/run-again.js';
import { commandFromWire } from '../../protocol/commands.js';
import { type CompletedItem, unpackCompleted } from '../../protocol/completed-list.js';
import type { WireJob } from '../../protocol/messages.js';
import type { Records, Store } from '../../store/store.js';
import { copyOf } from '../job-copies.js';

/** The arguments of a folded chunk. */
type FailedItems = readonly (readonly [at: number, job: WireJob])[];

/** The arguments of a chunk whose items run again: the list to complete, and their places in it. */
interface Rest {
  readonly list: Uint8Array;
  readonly places: readonly number[];
}

const stored = { root: 'items', code: 'ARGUMENT_NOT_STORABLE' } as const;

/** Packs the failed items of a chunk. Returns `null` if no item failed. */
export function packFailedItems(records: Records, chunk: JobRecord, now: number): Uint8Array | null {
  const { view } = records;
  const places = restOf(records, chunk)?.places;
  const failed = view
    .parts(chunk)
    .filter((item) => !isGood(view, item))
    .map((item) => [places?.[item.index] ?? item.index, wireOf(records, failedItem(view, item, now))] as const);
  return failed.length === 0 ? null : encodePayload(failed satisfies FailedItems, stored);
}

/** Returns all outcomes of a chunk: its items complete the list that it has, if it has one. */
export function completedItems(records: Records, chunk: JobRecord, items: readonly CompletedItem[]): CompletedItem[] {
  const rest = restOf(records, chunk);
  if (rest === undefined) return [...items];
  const all = unpackCompleted(rest.list);
  for (const [index, item] of items.entries()) all[rest.places[index]!] = item;
  return all;
}

/** Returns the bytes of the list that a chunk completes; 0 for none. */
export const restBytes = ({ args }: JobRecord) => args?.byteLength ?? 0;

function restOf(records: Records, { args }: JobRecord): Rest | undefined {
  return args === null ? undefined : (decodePayload(records.bytes(args)) as Rest);
}

/** Makes new chunks of the folded ones with failed items. */
export function retriedChunks(records: Records, payload: Store['payload'], map: JobRecord, owner: Id): RetriedChunk[] {
  const { queue, level } = map;
  return records.view
    .parts(map)
    .filter((chunk) => isFolded(chunk) && chunk.args !== null)
    .map(({ id, args, result }) => {
      const failed = decodePayload(records.bytes(args!)) as FailedItems;
      const jobs = failed.map(([, job]) => copyOf(job, 0));
      const put = commandFromWire({ type: 'put', queue, jobs }, { owner, level, payload });
      const rest: Rest = { list: records.bytes(result!), places: failed.map(([at]) => at) };
      return {
        chunk: id,
        rest: payload(encodePayload(rest, stored)),
        items: put.type === 'put' ? put.jobs : [],
      };
    });
}

function wireOf(records: Records, { id, form, callable, args, options, parts, callbacks, role }: JobSpec): WireJob {
  const all = (specs: readonly JobSpec[]) => specs.map((spec) => wireOf(records, spec));
  const bytes = args === null ? null : records.bytes(args);
  const wire: WireJob = [id, form, callable, bytes, options, all(parts), all(callbacks)];
  if (role !== undefined) wire.push(role);
  return wire;
}
