/**
 * A job's header as bytes.
 *
 *    id (16), owner, callable, queue (names), status and form, role and stage, level and outcome
 *    (a nibble each), flags, mask; then, for each bit of the mask, lowest first, the fields that
 *    most jobs do not have; then position, fence, attempts, put time and the times since.
 *
 * Numbers are varints. A name is the number that an earlier entry gave it (`entries.ts`). The put's
 * time is in milliseconds since the epoch. Each other time is 0 for "not yet", or one plus twice
 * the milliseconds since the put.
 *
 * A new field gets the next bit of the mask, and its bytes follow those of the bits before. A
 * header with an unknown bit is refused: a build that does not know a field would treat the job
 * wrongly.
 */

import type { ByteReader, ByteWriter } from '../codec/bytes.js';
import { keptOnce } from '../core/outcome.js';
import {
  agentDispatcher,
  codeOf,
  type Id,
  type JobRecord,
  jobForms,
  jobRoles,
  jobStages,
  jobStatuses,
  levels,
  logThresholds,
  outcomeKinds,
  type Payload,
  type PolicyRecord,
  policyQuestions,
} from '../core/records.js';
import { NewerEntryError } from '../journal/journal.js';
import { checkedId, readId } from './checked-id.js';

/** Returns the names that a header gives by number. */
export function namesOf({ owner, callable, queue, policy, agent }: JobRecord): readonly string[] {
  return [owner, callable, queue, policy, agent];
}

const flag = { queued: 1, front: 2, claimed: 4, begun: 8, suspect: 16, cancelled: 32, counted: 64, args: 128 } as const;
const has = {
  parent: 1,
  parts: 2,
  callbacks: 4,
  quotas: 8,
  unique: 16,
  agent: 32,
  inner: 64,
  priority: 128,
  trouble: 256,
  dates: 512,
  policy: 1024,
  alone: 2048,
  asked: 4096,
  only: 8192,
  open: 16384,
  folded: 32768,
  delayed: 65536,
  log: 131072,
  errorNames: 262144,
  awaiters: 524288,
  retryOf: 1048576,
  retriedBy: 2097152,
  cursor: 4194304,
} as const;
const knownBits = Object.values(has).reduce((bits: number, bit) => bits + bit, 0);

/** `name(text, place)` returns the number of `text`, which is at `place` in `namesOf(job)`. */
export function writeJob(out: ByteWriter, job: JobRecord, name: (text: string, place: number) => number): void {
  const mask =
    (job.role === 'root' ? 0 : has.parent) +
    (job.form === 'call' ? 0 : has.parts) +
    (job.callbacks === 0 ? 0 : has.callbacks) +
    (job.quotas.length === 0 && job.places.length === 0 && job.shared.length === 0 ? 0 : has.quotas) +
    (job.unique === '' ? 0 : has.unique) +
    (job.agent === '' ? 0 : has.agent) +
    (job.inner === '' ? 0 : has.inner) +
    (job.priority === 0 ? 0 : has.priority) +
    (job.errors === 0 && job.interruptions === 0 ? 0 : has.trouble) +
    (job.beginAfter === 0 && job.dueAt === 0 && job.deadline === 0 && job.timeoutMs === 0 ? 0 : has.dates) +
    (job.policy === '' ? 0 : has.policy) +
    (job.alone ? has.alone : 0) +
    (job.asked === null ? 0 : has.asked) +
    (job.only === '' ? 0 : has.only) +
    (job.open ? has.open : 0) +
    (job.outcome === 'list' && job.result !== null ? has.folded : 0) +
    (job.delayed ? has.delayed : 0) +
    (job.log === '' ? 0 : has.log) +
    (job.errorNames === '' ? 0 : has.errorNames) +
    (job.awaiters === 0 ? 0 : has.awaiters) +
    (job.retryOf === '' ? 0 : has.retryOf) +
    (job.retriedBy === '' ? 0 : has.retriedBy) +
    (job.cursor === 0 ? 0 : has.cursor);
  const { putAt } = job;
  out.id(job.id);
  out.varint(name(job.owner, 0));
  out.varint(name(job.callable, 1));
  out.varint(name(job.queue, 2));
  out.u8(codeOf(jobStatuses, job.status) + 16 * codeOf(jobForms, job.form));
  out.u8(codeOf(jobRoles, job.role) + 16 * codeOf(jobStages, job.stage));
  out.u8(codeOf(levels, job.level) + 16 * codeOf(outcomeKinds, job.outcome));
  out.u8(
    (job.queued ? flag.queued : 0) +
      (job.front ? flag.front : 0) +
      (job.claimed ? flag.claimed : 0) +
      (job.begun ? flag.begun : 0) +
      (job.suspect ? flag.suspect : 0) +
      (job.cancelled ? flag.cancelled : 0) +
      (job.counted ? flag.counted : 0) +
      (job.args === null ? 0 : flag.args),
  );
  out.varint(mask);
  if (mask & has.parent) {
    out.id(job.parent);
    out.varint(job.index);
  }
  if (mask & has.parts) {
    out.varint(job.parts);
    out.varint(job.partsDone);
  }
  if (mask & has.callbacks) {
    out.varint(job.callbacks);
    out.varint(job.callbacksDone);
    out.varint(job.awaitedCallbacks);
  }
  if (mask & has.quotas) for (const list of [job.quotas, job.places, job.shared]) writeTexts(out, list);
  if (mask & has.unique) out.text(job.unique);
  if (mask & has.agent) out.varint(name(job.agent, 4));
  if (mask & has.inner) out.id(job.inner);
  if (mask & has.priority) out.f64(job.priority);
  if (mask & has.trouble) {
    out.varint(job.errors);
    out.varint(job.interruptions);
  }
  if (mask & has.dates) for (const time of [job.beginAfter, job.dueAt, job.deadline, job.timeoutMs]) out.f64(time);
  if (mask & has.policy) out.varint(name(job.policy, 3));
  if (job.asked !== null) writeAsked(out, job.asked);
  if (mask & has.only) out.id(job.only);
  if (job.log !== '') out.u8(codeOf(logThresholds, job.log));
  if (job.errorNames !== '') out.text(job.errorNames);
  if (mask & has.awaiters) out.varint(job.awaiters);
  for (const other of [job.retryOf, job.retriedBy]) if (other !== '') out.id(other);
  if (mask & has.cursor) out.varint(job.cursor);
  out.varint(job.eligible);
  out.varint(job.fence);
  out.varint(job.attempts);
  out.varint(putAt);
  out.varint(since(putAt, job.firstStartAt));
  out.varint(since(putAt, job.lastStartAt));
  out.varint(since(putAt, job.endAt));
  out.varint(since(putAt, job.completedAt));
}

/** Finds the payloads of a job. The header records only whether there are any. */
export type PayloadFinder = (
  id: Id,
  has: { readonly args: boolean; readonly result: boolean },
) => { readonly args: Payload | null; readonly result: Payload | null };

/** Reads a header. `payloadsOf` reads all that follows it, such as the places of its payloads. */
export function readJob(input: ByteReader, nameOf: (number: number) => string, payloadsOf: PayloadFinder): JobRecord {
  const id = readId(input);
  const name = () => nameOf(input.varint());
  const owner = checkedId(name());
  const callable = name();
  const queue = name();
  const [status, form] = nibbles(input.u8());
  const [role, stage] = nibbles(input.u8());
  const [level, outcome] = nibbles(input.u8());
  const flags = input.u8();
  const mask = input.varint();
  if (mask > knownBits) throw new NewerEntryError('a job with unknown fields');
  const number = (bit: number) => (mask & bit ? input.varint() : 0);
  const parent = mask & has.parent ? readId(input) : '';
  const index = number(has.parent);
  const parts = number(has.parts);
  const partsDone = number(has.parts);
  const callbacks = number(has.callbacks);
  const callbacksDone = number(has.callbacks);
  const awaitedCallbacks = number(has.callbacks);
  const texts = () => (mask & has.quotas ? readTexts(input) : none);
  const quotas = texts();
  const places = texts();
  const shared = texts();
  const unique = mask & has.unique ? input.text() : '';
  const agent = mask & has.agent ? name() : '';
  if (agent !== '') checkedId(agentDispatcher(agent));
  const inner = mask & has.inner ? readId(input) : '';
  const priority = mask & has.priority ? input.f64() : 0;
  const errors = number(has.trouble);
  const interruptions = number(has.trouble);
  const date = () => (mask & has.dates ? input.f64() : 0);
  const beginAfter = date();
  const dueAt = date();
  const deadline = date();
  const timeoutMs = date();
  const policy = mask & has.policy ? name() : '';
  const asked = mask & has.asked ? readAsked(input) : null;
  const only = mask & has.only ? readId(input) : '';
  const log = mask & has.log ? named(logThresholds, input.u8()) : '';
  const errorNames = mask & has.errorNames ? keptOnce(input.text()) : '';
  const awaiters = number(has.awaiters);
  const retryOf = mask & has.retryOf ? readId(input) : '';
  const retriedBy = mask & has.retriedBy ? readId(input) : '';
  const cursor = number(has.cursor);
  const eligible = input.varint();
  const fence = input.varint();
  const attempts = input.varint();
  const putAt = input.varint();
  const time = () => timeFrom(putAt, input.varint());
  const firstStartAt = time();
  const lastStartAt = time();
  const endAt = time();
  const completedAt = time();
  const outcomeKind = named(outcomeKinds, outcome);
  const { args, result } = payloadsOf(id, {
    args: (flags & flag.args) !== 0,
    result:
      outcomeKind === 'value' ||
      outcomeKind === 'failure' ||
      (mask & has.folded) !== 0 ||
      named(jobStages, stage) === 'policy',
  });
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
    only,
    parent,
    index,
    parts,
    partsDone,
    cursor,
    open: (mask & has.open) !== 0,
    callbacks,
    callbacksDone,
    awaitedCallbacks,
    counted: (flags & flag.counted) !== 0,
    level: named(levels, level),
    policy,
    asked,
    priority,
    quotas,
    places,
    shared,
    unique,
    queued: (flags & flag.queued) !== 0,
    front: (flags & flag.front) !== 0,
    eligible,
    fence,
    claimed: (flags & flag.claimed) !== 0,
    begun: (flags & flag.begun) !== 0,
    cancelled: (flags & flag.cancelled) !== 0,
    suspect: (flags & flag.suspect) !== 0,
    alone: (mask & has.alone) !== 0,
    agent,
    inner,
    awaiters,
    retryOf,
    retriedBy,
    attempts,
    errors,
    interruptions,
    outcome: outcomeKind,
    errorNames,
    putAt,
    beginAfter,
    delayed: (mask & has.delayed) !== 0,
    dueAt,
    deadline,
    timeoutMs,
    log,
    firstStartAt,
    lastStartAt,
    endAt,
    completedAt,
    args,
    result,
  };
}

const none: readonly never[] = [];

/** Encodes a time. Even numbers are times before the put, from a clock that was set back. */
function since(putAt: number, time: number): number {
  if (time === 0) return 0;
  const passed = Math.round(time - putAt);
  return 1 + (passed >= 0 ? passed * 2 : -passed * 2 - 1);
}

function timeFrom(putAt: number, code: number): number {
  if (code === 0) return 0;
  return putAt + (code % 2 === 1 ? (code - 1) / 2 : -code / 2);
}

const nibbles = (byte: number) => [byte % 16, byte >> 4] as const;

function named<T>(names: readonly T[], number: number): T {
  const found = names[number];
  if (found === undefined) throw new RangeError(`${number} is not one of ${names.join(', ')}`);
  return found;
}

/**
 * Writes policy, question, time, misses, problem and the policy's data. The data's length is
 * written plus one; 0 means no data.
 */
function writeAsked(out: ByteWriter, { policy, question, askedAt, misses, problem, data }: PolicyRecord): void {
  out.text(policy);
  out.u8(policyQuestions.indexOf(question));
  out.f64(askedAt);
  out.varint(misses);
  out.text(problem);
  out.varint(data === null ? 0 : data.byteLength + 1);
  if (data !== null) out.raw(data);
}

function readAsked(input: ByteReader): PolicyRecord {
  const policy = input.text();
  const question = named(policyQuestions, input.u8());
  const askedAt = input.f64();
  const misses = input.varint();
  const problem = input.text();
  const length = input.varint();
  return {
    policy,
    question,
    askedAt,
    misses,
    problem,
    data: length === 0 ? null : Uint8Array.from(input.bytes(length - 1)),
  };
}

function writeTexts(out: ByteWriter, texts: readonly string[]): void {
  out.varint(texts.length);
  for (const text of texts) out.text(text);
}

function readTexts(input: ByteReader): readonly string[] {
  const count = input.varint();
  // Each text takes at least one byte. Refuses a larger count before it allocates an array of it.
  if (count > input.left) throw new RangeError(`${count} texts in ${input.left} bytes`);
  return Array.from({ length: count }, () => input.text());
}
