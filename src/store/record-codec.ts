/**
 * Records as the journal's entries.
 *
 * An entry is one of:
 *
 *   1 name     number (varint), text            a name that later entries of this segment give by its number
 *   2 job      see `writeJob`                    a job's header, whole: the last one of an id counts
 *   3 payload  id (16), slot (1), bytes          arguments or result of a job, written once, before its header's frame ends
 *   4 forget   id (16)                           the job and its payloads are no more
 *
 * Numbers are varints, times are milliseconds since the epoch (the first) or since the time before (the others, plus one; 0 is "not
 * yet"). Names are interned per segment, so that a segment can be read without those before it. Unknown entries and fields do
 * not exist: a change of this layout is a new format version.
 */
import {
  builtinPolicies,
  type Id,
  type JobRecord,
  jobForms,
  jobRoles,
  jobStages,
  jobStatuses,
  levels,
  outcomeKinds,
  type Payload,
  payloadSlots,
} from '../core/records.js';
import type { Changes, State } from '../core/state.js';
import type { Entry, Journal, Position, Replay } from '../journal/journal.js';
import { ByteReader, ByteWriter } from './bytes.js';
import { StoredPayload } from './stored-payload.js';

const entryTypes = { name: 1, job: 2, payload: 3, forget: 4 } as const;

/** Payloads up to this size stay in memory once they are written; of larger ones the journal has them. */
const keptBytes = 1024;

/** The part of a payload entry that is not the payload. */
const payloadHeadBytes = 17;

/** Writes the changes of a group commit; knows which names its segment has and which payloads are written. */
export class RecordWriter {
  readonly #journal: Journal;
  readonly #out = new ByteWriter();
  readonly #names = new Map<string, number>();
  /** Type, start and end of each entry in `#out`. */
  #entries: number[] = [];
  #segment = -1;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** Appends these changes as one frame; gives the payloads that were written with it. Jobs of level `memory` are not for the journal. */
  write({ records, forgotten }: Changes, options?: { reserve: boolean }): readonly StoredPayload[] {
    const kept = records.filter((record) => record.level !== 'memory');
    if (kept.length === 0 && forgotten.length === 0) return [];
    this.#begin(kept, forgotten);
    const payloads: StoredPayload[] = [];
    for (const job of kept) {
      for (let slot = 0; slot < payloadSlots.length; slot++) {
        const payload = job[payloadSlots[slot]!] as StoredPayload | null;
        if (payload === null || payload.position !== null) continue;
        this.#payload(job.id, slot, payload);
        payloads.push(payload);
      }
    }
    for (const job of kept) this.#job(job);
    for (const id of forgotten) this.#entry(entryTypes.forget, () => this.#out.id(id));
    try {
      const { positions } = this.#journal.append(this.#take(), options);
      for (let index = 0; index < payloads.length; index++) payloads[index]!.position = positions[index]!;
    } catch (error) {
      // What was interned for this frame is not in the segment.
      this.#segment = -1;
      throw error;
    }
    return payloads;
  }

  /** These are on the disk: the large ones need not stay here. */
  evict(payloads: readonly StoredPayload[]): void {
    for (const payload of payloads) if (payload.byteLength > keptBytes) payload.bytes = null;
  }

  /** Reads a payload back. */
  read(payload: StoredPayload): Uint8Array {
    return this.#journal.read(payload.position!).subarray(payloadHeadBytes);
  }

  #begin(records: readonly JobRecord[], forgotten: readonly Id[]): void {
    let estimate = forgotten.length * 32;
    for (const { args, result } of records) estimate += 512 + (args?.byteLength ?? 0) + (result?.byteLength ?? 0);
    const segment = this.#journal.beginFrame(estimate);
    if (segment !== this.#segment) this.#names.clear();
    this.#segment = segment;
    this.#out.clear();
    this.#entries = [];
  }

  #take(): Entry[] {
    const entries: Entry[] = [];
    const { bytes } = this.#out;
    for (let at = 0; at < this.#entries.length; at += 3) {
      entries.push({ type: this.#entries[at]!, bytes: bytes.subarray(this.#entries[at + 1], this.#entries[at + 2]) });
    }
    return entries;
  }

  #entry(type: number, write: () => void): void {
    const start = this.#out.length;
    write();
    this.#entries.push(type, start, this.#out.length);
  }

  #payload(id: Id, slot: number, payload: StoredPayload): void {
    this.#entry(entryTypes.payload, () => {
      this.#out.id(id);
      this.#out.u8(slot);
      this.#out.raw(payload.bytes!);
    });
  }

  #job(job: JobRecord): void {
    const owner = this.#intern(job.owner);
    const callable = this.#intern(job.callable);
    const queue = this.#intern(job.queue);
    this.#entry(entryTypes.job, () => writeJob(this.#out, job, owner, callable, queue));
  }

  #intern(name: string): number {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    const number = this.#names.size;
    this.#names.set(name, number);
    this.#entry(entryTypes.name, () => {
      this.#out.varint(number);
      this.#out.text(name);
    });
    return number;
  }
}

/** Puts what a journal holds into a state. */
export class RecordReader implements Replay {
  readonly #state: State;
  readonly #names = new Map<number, string>();
  /** Payloads come before the header that they belong to. */
  readonly #payloads = new Map<Id, (Payload | null)[]>();

  constructor(state: State) {
    this.#state = state;
  }

  segment(): void {
    this.#names.clear();
  }

  entry({ type, bytes }: Entry, at: Position): void {
    const input = new ByteReader(bytes);
    switch (type) {
      case entryTypes.name:
        this.#names.set(input.varint(), input.text());
        return;
      case entryTypes.payload:
        return this.#payload(input, at);
      case entryTypes.job:
        return this.#job(input);
      case entryTypes.forget:
        return this.#state.unload(input.id());
      default:
        throw new RangeError(`there is no entry of type ${type}`);
    }
  }

  #payload(input: ByteReader, at: Position): void {
    const id = input.id();
    const slot = input.u8();
    const bytes = input.rest();
    const payload = StoredPayload.at(
      at,
      bytes.byteLength <= keptBytes ? Uint8Array.from(bytes) : null,
      bytes.byteLength,
    );
    const found = this.#payloads.get(id) ?? [null, null];
    found[slot] = payload;
    this.#payloads.set(id, found);
  }

  #job(input: ByteReader): void {
    const name = () => {
      const found = this.#names.get(input.varint());
      if (found === undefined) throw new RangeError('a name was not given before it was used');
      return found;
    };
    const header = readJob(input, name);
    const before = this.#state.job(header.id);
    const [args, result] = this.#payloads.get(header.id) ?? [null, null];
    this.#payloads.delete(header.id);
    this.#state.load({ ...header, args: args ?? before?.args ?? null, result: result ?? before?.result ?? null });
  }
}

const flag = { queued: 1, front: 2, claimed: 4, begun: 8, suspect: 16 } as const;

function writeJob(out: ByteWriter, job: JobRecord, owner: number, callable: number, queue: number): void {
  out.id(job.id);
  out.varint(owner);
  out.varint(callable);
  out.varint(queue);
  out.u8(jobStatuses.indexOf(job.status) + 16 * jobForms.indexOf(job.form));
  out.u8(jobRoles.indexOf(job.role) + 16 * jobStages.indexOf(job.stage));
  out.u8(levels.indexOf(job.level) + 16 * builtinPolicies.indexOf(job.policy));
  out.u8(outcomeKinds.indexOf(job.outcome));
  out.u8(
    (job.queued ? flag.queued : 0) +
      (job.front ? flag.front : 0) +
      (job.claimed ? flag.claimed : 0) +
      (job.begun ? flag.begun : 0) +
      (job.suspect ? flag.suspect : 0),
  );
  if (job.role !== 'root') {
    out.id(job.parent);
    out.varint(job.index);
  }
  if (job.form !== 'call') {
    out.varint(job.parts);
    out.varint(job.partsDone);
  }
  out.varint(job.callbacks);
  out.varint(job.callbacksDone);
  out.f64(job.priority);
  out.varint(job.eligible);
  out.varint(job.fence);
  out.varint(job.attempts);
  out.varint(job.interruptions);
  out.varint(job.putAt);
  for (const time of [job.firstStartAt, job.lastStartAt, job.endAt, job.completedAt])
    out.varint(since(job.putAt, time));
}

function readJob(input: ByteReader, name: () => string): JobRecord {
  const id = input.id();
  const owner = name();
  const callable = name();
  const queue = name();
  const [status, form] = nibbles(input.u8());
  const [role, stage] = nibbles(input.u8());
  const [level, policy] = nibbles(input.u8());
  const outcome = input.u8();
  const flags = input.u8();
  const isRoot = jobRoles[role] === 'root';
  const isCall = jobForms[form] === 'call';
  const parent = isRoot ? '' : input.id();
  const index = isRoot ? 0 : input.varint();
  const parts = isCall ? 0 : input.varint();
  const partsDone = isCall ? 0 : input.varint();
  const callbacks = input.varint();
  const callbacksDone = input.varint();
  const priority = input.f64();
  const eligible = input.varint();
  const fence = input.varint();
  const attempts = input.varint();
  const interruptions = input.varint();
  const putAt = input.varint();
  const time = () => {
    const after = input.varint();
    return after === 0 ? 0 : putAt + after - 1;
  };
  return {
    kind: 'job',
    id,
    owner,
    status: named(jobStatuses, status),
    form: named(jobForms, form),
    role: named(jobRoles, role),
    stage: named(jobStages, stage),
    callable,
    queue,
    parent,
    index,
    parts,
    partsDone,
    callbacks,
    callbacksDone,
    level: named(levels, level),
    policy: named(builtinPolicies, policy),
    priority,
    queued: (flags & flag.queued) !== 0,
    front: (flags & flag.front) !== 0,
    eligible,
    fence,
    claimed: (flags & flag.claimed) !== 0,
    begun: (flags & flag.begun) !== 0,
    suspect: (flags & flag.suspect) !== 0,
    attempts,
    interruptions,
    outcome: named(outcomeKinds, outcome),
    putAt,
    firstStartAt: time(),
    lastStartAt: time(),
    endAt: time(),
    completedAt: time(),
    args: null,
    result: null,
  };
}

/** A time as milliseconds after the put, plus one; 0 is "not yet". A clock that was set back meanwhile counts as no time passed. */
const since = (putAt: number, time: number) => (time === 0 ? 0 : Math.max(0, Math.round(time - putAt)) + 1);

const nibbles = (byte: number) => [byte % 16, byte >> 4] as const;

function named<T>(names: readonly T[], number: number): T {
  const found = names[number];
  if (found === undefined) throw new RangeError(`${number} is not one of ${names.join(', ')}`);
  return found;
}
