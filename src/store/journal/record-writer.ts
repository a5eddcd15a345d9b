/**
 * Writes the changes of a group commit as one frame. Knows which names its segment has, which
 * payloads are written, and where.
 */

import { idToText } from '../../codec/id.js';
import { codeOf, type Id, type JobRecord, type PayloadSlot, payloadSlots } from '../../core/records.js';
import type { Changes } from '../../core/state/change-log.js';
import type { State } from '../../core/state/state.js';
import { JournalCorruptError } from '../../errors.js';
import type { AppendOptions, Journal } from '../../journal/journal.js';
import { writeJob } from '../job-header.js';
import { entryTypes, payloadHeadBytes, writePayloadHead } from './entries.js';
import { EntryBuffer } from './entry-buffer.js';
import type { LiveBytes } from './live-bytes.js';
import { PayloadPlaces } from './payload-places.js';
import { keptBytes, keptJobs, StoredPayload } from './stored-payload.js';

export interface Move {
  readonly job: Id;
  readonly slot: number;
  readonly payload: StoredPayload;
}

export class RecordWriter {
  readonly #journal: Journal;
  readonly #state: State;
  readonly #live: LiveBytes;
  readonly #places: PayloadPlaces;
  readonly #buffer = new EntryBuffer();
  #segment = -1;

  /** `places` are those of the packed jobs of `state`. */
  constructor(journal: Journal, state: State, live: LiveBytes, places = new PayloadPlaces()) {
    this.#journal = journal;
    this.#state = state;
    this.#live = live;
    this.#places = places;
  }

  /**
   * Appends these changes as one frame, without `memory` jobs. Returns payloads to evict after its
   * sync.
   */
  write(changes: Changes, options?: AppendOptions): readonly StoredPayload[] {
    const { forgotten, settings, annotations } = changes;
    const kept = changes.jobs.some(isInMemory) ? changes.jobs.filter((job) => !isInMemory(job)) : changes.jobs;
    if (kept.length + forgotten.length + settings.size + annotations.size === 0) return [];
    this.#begin(estimateOf(kept, changes));
    const buffer = this.#buffer;
    // Made as long as it can be: a list that grows costs three times as much.
    const payloads = new Array<StoredPayload>(2 * kept.length);
    let count = 0;
    for (const job of kept) {
      if (job.args !== null) count += this.#new(job, 'args', payloads, count);
      if (job.result !== null) count += this.#new(job, 'result', payloads, count);
    }
    payloads.length = count;
    for (const job of kept) buffer.introduceNames(job);
    buffer.addEach(entryTypes.jobs, kept, (job) => writeJob(buffer.out, job, buffer.numberOf));
    buffer.addEach(entryTypes.forget, forgotten, (id) => buffer.out.id(id));
    for (const [key, setting] of settings) buffer.setting(key, setting);
    for (const [key, annotation] of annotations) buffer.annotation(key, annotation);
    this.#append(payloads, options);
    const { lsn } = this.#journal;
    for (const payload of changes.dropped) this.#live.remove(payload as StoredPayload, lsn);
    for (const seat of changes.droppedSeats) this.#places.remove(seat, this.#live, lsn);
    const gone: StoredPayload[] = [];
    for (const job of kept) {
      if (!this.#isDone(job)) continue;
      const { args, result } = job;
      if (args !== null) gone.push(args as StoredPayload);
      if (result !== null) gone.push(result as StoredPayload);
    }
    for (const payload of payloads) if (payload.byteLength > keptBytes) gone.push(payload);
    return gone;
  }

  /** Appends copies of these payloads, to be read from then on. Throws `JournalCorruptError`. */
  move(moves: readonly Move[]): void {
    const read = moves.map(({ payload }) => payload.bytes ?? this.read(payload));
    this.#begin(read.reduce((sum, { byteLength }) => sum + byteLength + 64, 0));
    for (const [index, { job, slot }] of moves.entries()) this.#payload(entryTypes.move, job, slot, read[index]!);
    const before = moves.map(({ payload }) => ({ segment: payload.segment, byteLength: payload.byteLength }));
    this.#append(moves.map(({ payload }) => payload));
    // The payload of a packed job is a copy of its place.
    for (const { job, slot, payload } of moves) this.#state.ownPayload(job, payloadSlots[slot]!, payload);
    for (const old of before) this.#live.remove(old, this.#journal.lsn);
  }

  /** Drops the bytes of payloads that are on the disk. */
  evict(payloads: readonly StoredPayload[]): void {
    for (const payload of payloads) payload.evict();
  }

  /**
   * Whether the job's payloads will not be read soon: it has an outcome, waits for a time, or has
   * more than `keptJobs` before it. A waiting client is sent the outcome before its bytes are
   * evicted.
   */
  #isDone(job: JobRecord): boolean {
    if (job.outcome !== 'none' || job.dueAt !== 0) return true;
    return job.queued && this.#state.queued(job.queue) > keptJobs;
  }

  /** Reads a payload back. Throws `JournalCorruptError` if it is damaged or lost. */
  read(payload: StoredPayload): Uint8Array {
    if (payload.isLost) {
      const reason = `a payload of job ${idToText(payload.owner)} was damaged and is lost`;
      throw new JournalCorruptError(this.#journal.directory, 0, 0, reason);
    }
    return this.#journal.read(payload.position).subarray(payloadHeadBytes);
  }

  /**
   * Writes the job's payload and enters it in the list, if it is not written yet. Returns the
   * number of payloads that it wrote.
   */
  #new(job: JobRecord, slot: PayloadSlot, payloads: StoredPayload[], at: number): 0 | 1 {
    const payload = this.#own(job, slot);
    if (payload.segment !== 0 || payload.bytes === null) return 0;
    this.#payload(entryTypes.payload, job.id, codeOf(payloadSlots, slot), payload.bytes);
    payloads[at] = payload;
    return 1;
  }

  /**
   * Returns the job's payload as one that no other job has. An outcome taken from another job is
   * copied and written under this job's id, since the other job may be forgotten first.
   */
  #own(job: JobRecord, slot: PayloadSlot): StoredPayload {
    const payload = job[slot] as StoredPayload;
    if (payload.owner === '') payload.owner = job.id;
    if (payload.owner === job.id) return payload;
    const own = this.#copyOf(payload);
    own.owner = job.id;
    this.#state.ownPayload(job.id, slot, own);
    return own;
  }

  #copyOf(payload: StoredPayload): StoredPayload {
    try {
      return StoredPayload.of(payload.bytes ?? this.read(payload));
    } catch (error) {
      if (error instanceof JournalCorruptError) return StoredPayload.lost('');
      throw error;
    }
  }

  #begin(estimateBytes: number): void {
    const segment = this.#journal.beginFrame(estimateBytes);
    if (segment !== this.#segment) this.#buffer.forgetNames();
    this.#segment = segment;
    this.#buffer.clear();
  }

  /** Appends the buffer's entries. The first ones are those of `payloads`. */
  #append(payloads: readonly StoredPayload[], options?: AppendOptions): void {
    try {
      const { segment, offsets, checksums } = this.#journal.append(this.#buffer.entries(), options).positions;
      for (let index = 0; index < payloads.length; index++) {
        const payload = payloads[index]!;
        payload.place(segment, offsets[index]!, checksums[index]!);
        this.#live.add(payload);
      }
    } catch (error) {
      // The segment does not have the names interned for this frame.
      this.#segment = -1;
      throw error;
    }
  }

  #payload(type: number, id: Id, slot: number, bytes: Uint8Array): void {
    writePayloadHead(this.#buffer.out, id, slot);
    this.#buffer.out.raw(bytes);
    this.#buffer.end(type);
  }
}

const isInMemory = ({ level }: JobRecord) => level === 'memory';

function estimateOf(jobs: readonly JobRecord[], { forgotten, settings, annotations }: Changes): number {
  let estimate = forgotten.length * 32 + settings.size * 1024;
  for (const { args, result } of jobs) estimate += 512 + (args?.byteLength ?? 0) + (result?.byteLength ?? 0);
  for (const [key, annotation] of annotations) estimate += 64 + key.length * 3 + (annotation?.value.byteLength ?? 0);
  return estimate;
}
