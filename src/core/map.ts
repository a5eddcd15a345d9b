/**
 * Maps: wholes whose parts are made from the items of an iterable, which is in some process of its
 * user's and not here.
 *
 * A map of a million items is not to be a million records. Its items stand in chunks, which are
 * filled one after another: a chunk is a part of the map, and the items are parts of the chunk.
 * When all of a full chunk are done it is folded: what became of them is made one payload, the
 * chunk's result, and they are forgotten. So there is a record for each chunk, and for each item of
 * those that are not folded yet.
 *
 * How many items were taken is told by the chunks alone. Whoever feeds a map says from which on,
 * and is refused where that is not the next: after a crash, or with two who feed the same, no item
 * is taken twice and none is left out.
 */

import { JobStatusError, MapAbandonedError } from '../errors.js';
import type { JobSpec } from './commands.js';
import { finishIfDone } from './composite.js';
import type { Decision } from './decision.js';
import { beginWaiting, conclude, createJob, enqueue } from './job.js';
import { chunkItems, type Id, type JobRecord, type Payload, placeOf } from './records.js';
import type { State } from './state/state.js';

/**
 * Takes the next items, which have room in one chunk: the last one, or else a new one with this id.
 */
export function feed(decision: Decision, map: JobRecord, from: number, chunkId: Id, specs: readonly JobSpec[]): void {
  const { state } = decision;
  requireOpen(map);
  const { taken } = countItems(state, map);
  if (from !== taken)
    throw new JobStatusError(`the map has taken ${taken} items, so those from ${from} on are not the next`);
  const chunk = taken % chunkItems === 0 ? addChunk(decision, map, chunkId) : state.parts(map).at(-1)!;
  let index = chunk.parts;
  if (index + specs.length > chunkItems) throw new RangeError(`a chunk has ${chunkItems} items`);
  state.change(chunk, (row) => {
    row.parts += specs.length;
  });
  for (const spec of specs) {
    const part = createJob(decision, spec, { ...placeOf(chunk), role: 'part', parent: chunk.id, index: index++ });
    if (chunk.stage === 'waiting') enqueue(decision, part);
  }
}

/** No more items come. With a failure, which is why, that is the map's. */
export function endInput(decision: Decision, map: JobRecord, failure: Payload | null): void {
  requireOpen(map);
  const { state } = decision;
  state.change(map, (row) => {
    row.open = false;
  });
  if (failure !== null) return conclude(decision, map, 'failure', failure);
  const last = state.parts(map).at(-1);
  if (last?.stage === 'waiting') finishIfDone(decision, last);
  if (map.stage === 'waiting') finishIfDone(decision, map);
}

/** Ends a map whose producer is gone: without a key, no process can put it again and feed it. */
export function abandon(decision: Decision, map: JobRecord): void {
  if (!map.open || map.outcome !== 'none' || map.unique !== '') return;
  const { taken } = countItems(decision.state, map);
  const message =
    `the map ended after ${taken} items: the process that fed it has ended, and it has no unique key; ` +
    'give it one, and put it again after a restart';
  decision.effects.push({ type: 'log', gate: 'decided', level: 'error', message, job: map.id });
  conclude(decision, map, 'failure', decision.failure(new MapAbandonedError(message)));
}

/**
 * What became of a chunk's items, as one payload in their place; null: it is not to be had, and
 * they stay.
 */
export function fold(decision: Decision, chunk: JobRecord, list: Payload | null): void {
  if (chunk.outcome !== 'none') return;
  if (list !== null) decision.state.forgetParts(chunk);
  conclude(decision, chunk, 'list', list);
}

/**
 * How many items a map has taken, and how many of them are done. Costs as much as there are chunks
 * that are not folded.
 */
export function countItems(state: State, map: JobRecord): { readonly taken: number; readonly done: number } {
  const chunks = state.parts(map);
  const last = chunks.at(-1);
  if (last === undefined) return { taken: 0, done: 0 };
  const taken = last.index * chunkItems + last.parts;
  let done = taken;
  let left = map.parts - map.partsDone;
  for (let index = last.index; left > 0; index--) {
    const { counted, parts, partsDone } = chunks[index]!;
    if (counted) continue;
    done -= parts - partsDone;
    left--;
  }
  return { taken, done };
}

function addChunk(decision: Decision, map: JobRecord, id: Id): JobRecord {
  const index = map.parts;
  decision.state.change(map, (row) => {
    row.parts++;
  });
  const spec: JobSpec = { id, form: 'chunk', callable: '', args: null, options: {}, parts: [], callbacks: [] };
  const chunk = createJob(decision, spec, { ...placeOf(map), role: 'part', parent: map.id, index });
  if (map.stage === 'waiting') beginWaiting(decision, chunk);
  return chunk;
}

function requireOpen(map: JobRecord): void {
  if (map.form !== 'map') throw new JobStatusError('the job is no map: it takes no items');
  if (!map.open || map.outcome !== 'none') throw new JobStatusError('the map takes no more items');
}
