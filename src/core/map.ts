/**
 * Maps: wholes whose parts are made from the items of an iterable, which lives in a process of the
 * user.
 *
 * A map of a million items must not need a million records. Its items stand in chunks, which are
 * filled one after another: a chunk is a part of the map, and the items are parts of the chunk.
 * When all items of a full chunk are done it is folded: their outcomes become one payload, the
 * chunk's result, and the items are forgotten. So there is a record for each chunk, and one for
 * each item that is not folded yet.
 *
 * The number of items taken is derived from the chunks. A feeder sends the index of its first item,
 * and is refused if that is not the next: after a crash, or with two feeders, no item is taken
 * twice and none is skipped.
 */

import { JobStatusError, MapAbandonedError } from '../errors.js';
import type { JobSpec } from './commands.js';
import { finishIfDone, putsNewParts } from './composite.js';
import type { Decision } from './decision.js';
import { beginWaiting, conclude, createJob, enqueue } from './job.js';
import { type Failed, listOf, ownFailure } from './outcome.js';
import { chunkItems, type Id, type JobRecord, type Payload, placeOf } from './records.js';
import { needsFeeder } from './state/indices.js';
import type { View } from './state/view.js';
import { releaseLists } from './waits.js';

/** Takes the next items, which fit one chunk: the last one, or a new one with id `chunkId`. */
export function feed(decision: Decision, map: JobRecord, from: number, chunkId: Id, specs: readonly JobSpec[]): void {
  const { state } = decision;
  requireOpen(map);
  const last = state.lastPart(map);
  const taken = takenUntil(last);
  if (from !== taken) throw new JobStatusError(`the next item of the map must be item ${taken}, got item ${from}`);
  const chunk = taken % chunkItems === 0 ? addChunk(decision, map, chunkId) : last!;
  let index = chunk.parts;
  if (index + specs.length > chunkItems) throw new RangeError(`a chunk holds at most ${chunkItems} items`);
  state.change(chunk, (row) => {
    row.parts += specs.length;
  });
  for (const spec of specs) {
    const part = createJob(decision, spec, { ...placeOf(chunk), role: 'part', parent: chunk.id, index: index++ });
    if (putsNewParts(chunk)) enqueue(decision, part);
  }
}

/** Ends the items of a map. A failure becomes the outcome of the map. */
export function endInput(decision: Decision, map: JobRecord, failure: Failed | undefined): void {
  requireOpen(map);
  // It stays open, since it has not got all its items.
  if (failure !== undefined) return conclude(decision, map, failure);
  const { state } = decision;
  state.change(map, (row) => {
    row.open = false;
  });
  const last = state.lastPart(map);
  if (last?.stage === 'waiting') finishIfDone(decision, last);
  if (map.stage === 'waiting') finishIfDone(decision, map);
}

/** Ends a map whose feeder is gone. */
export function abandon(decision: Decision, map: JobRecord): void {
  if (!needsFeeder(map)) return;
  const taken = takenUntil(decision.state.lastPart(map));
  const message =
    `the map ended after ${taken} items: the process that fed it has ended, and it has no unique key; ` +
    'give it one, and put it again after a restart';
  decision.effects.push({ type: 'log', gate: 'decided', level: 'error', message, job: map.id });
  conclude(decision, map, ownFailure(decision, new MapAbandonedError(message)));
}

/**
 * Replaces a chunk's items by `list`, their outcomes packed, and the failed ones by `failed`, which
 * becomes the chunk's arguments. `null`: they could not be packed (too large or unreadable), so
 * they are kept.
 */
export function fold(decision: Decision, chunk: JobRecord, list: Payload | null, failed: Payload | null = null): void {
  if (chunk.outcome !== 'none') return;
  if (list !== null) {
    for (const item of decision.state.parts(chunk)) releaseLists(decision.state, item);
    decision.state.forgetParts(chunk);
    decision.state.change(chunk, (row) => {
      row.args = failed;
    });
  }
  conclude(decision, chunk, listOf(list));
}

/** Returns the number of items that a map has taken until this chunk, its last one. */
const takenUntil = (last: JobRecord | undefined) => (last === undefined ? 0 : last.index * chunkItems + last.parts);

/** `true` if the items of a chunk are forgotten, and their outcomes packed. */
export const isFolded = ({ form, outcome, result }: JobRecord) =>
  form === 'chunk' && outcome === 'list' && result !== null;

/** Returns the number of items taken, and of those done. Visits every chunk that is not folded. */
export function countItems(view: View, map: JobRecord): { readonly taken: number; readonly done: number } {
  const chunks = view.parts(map);
  const last = chunks.at(-1);
  if (last === undefined) return { taken: 0, done: 0 };
  const taken = takenUntil(last);
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

/** Returns the id of the job above, as users know it: the chunks of a map are internal. */
export function parentOf(view: View, { parent }: JobRecord): Id {
  const above = parent === '' ? undefined : view.job(parent);
  return above?.form === 'chunk' ? above.parent : parent;
}

function addChunk(decision: Decision, map: JobRecord, id: Id): JobRecord {
  const index = map.parts;
  decision.state.change(map, (row) => {
    row.parts++;
  });
  const spec: JobSpec = { id, form: 'chunk', callable: '', args: null, options: {}, parts: [], callbacks: [] };
  const chunk = createJob(decision, spec, { ...placeOf(map), role: 'part', parent: map.id, index });
  if (putsNewParts(map)) beginWaiting(decision, chunk);
  return chunk;
}

function requireOpen(map: JobRecord): void {
  if (map.form !== 'map') throw new JobStatusError('the job is not a map: it takes no items');
  if (!map.open || map.outcome !== 'none') throw new JobStatusError('the map takes no more items');
}
