/**
 * What a job's record has that most jobs do not: one object beside the job, which all plain jobs share.
 *
 * It is never written to: a change of it is another object. So what is noted of a job to take a change back costs no copy of this part.
 */
import type { Id, JobForm, JobRecord, JobRole, PolicyRecord } from './records.js';

/** The empty list of them all. */
export const none: never[] = [];

/** What most jobs do not have; never written to. A new field of a job that is not in each of them belongs here. */
const plain = {
  form: 'call' as JobForm,
  role: 'root' as JobRole,
  only: '' as Id,
  parent: '' as Id,
  index: 0,
  parts: 0,
  partsDone: 0,
  open: false,
  callbacks: 0,
  callbacksDone: 0,
  awaitedCallbacks: 0,
  counted: false,
  policy: '',
  asked: null as PolicyRecord | null,
  priority: 0,
  quotas: none as readonly string[],
  places: none as readonly string[],
  shared: none as readonly string[],
  unique: '',
  front: false,
  cancelled: false,
  suspect: false,
  alone: false,
  inner: '' as Id,
  errors: 0,
  interruptions: 0,
  beginAfter: 0,
  dueAt: 0,
  deadline: 0,
  timeoutMs: 0,
};

export type Rare = Readonly<typeof plain>;

/** All empty lists are one, so that lists can be told apart without a look into them. */
export function listOf(texts: readonly string[]): readonly string[] {
  return texts.length === 0 ? none : texts;
}

/** What a record has beside what all have. In one literal, whose shape is known: put together of several it costs fifty times as much. */
export function rareOf(record: JobRecord): Rare {
  const quotas = listOf(record.quotas);
  const places = listOf(record.places);
  const shared = listOf(record.shared);
  if (quotas === none && places === none && shared === none && isPlain(record)) return plain;
  return {
    form: record.form,
    role: record.role,
    only: record.only,
    parent: record.parent,
    index: record.index,
    parts: record.parts,
    partsDone: record.partsDone,
    open: record.open,
    callbacks: record.callbacks,
    callbacksDone: record.callbacksDone,
    awaitedCallbacks: record.awaitedCallbacks,
    counted: record.counted,
    policy: record.policy,
    asked: record.asked,
    priority: record.priority,
    quotas,
    places,
    shared,
    unique: record.unique,
    front: record.front,
    cancelled: record.cancelled,
    suspect: record.suspect,
    alone: record.alone,
    inner: record.inner,
    errors: record.errors,
    interruptions: record.interruptions,
    beginAfter: record.beginAfter,
    dueAt: record.dueAt,
    deadline: record.deadline,
    timeoutMs: record.timeoutMs,
  };
}

/** By hand: a loop over the names costs ten times as much, and every job passes here. */
function isPlain(record: JobRecord): boolean {
  return (
    record.form === plain.form &&
    record.role === plain.role &&
    record.only === plain.only &&
    record.parent === plain.parent &&
    record.index === plain.index &&
    record.parts === plain.parts &&
    record.partsDone === plain.partsDone &&
    record.open === plain.open &&
    record.callbacks === plain.callbacks &&
    record.callbacksDone === plain.callbacksDone &&
    record.awaitedCallbacks === plain.awaitedCallbacks &&
    record.counted === plain.counted &&
    record.policy === plain.policy &&
    record.asked === plain.asked &&
    record.priority === plain.priority &&
    record.unique === plain.unique &&
    record.front === plain.front &&
    record.cancelled === plain.cancelled &&
    record.suspect === plain.suspect &&
    record.alone === plain.alone &&
    record.inner === plain.inner &&
    record.errors === plain.errors &&
    record.interruptions === plain.interruptions &&
    record.beginAfter === plain.beginAfter &&
    record.dueAt === plain.dueAt &&
    record.deadline === plain.deadline &&
    record.timeoutMs === plain.timeoutMs
  );
}
