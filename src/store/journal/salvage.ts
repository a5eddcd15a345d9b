/**
 * Salvage: makes a new journal of all that can be read of a damaged one. The damaged one is not
 * modified.
 *
 * A family (a root with its parts and callbacks) is salvaged whole or not at all: half of one would
 * run on and come to wrong results. Jobs left out are listed with the reason.
 */

import { idToText } from '../../codec/id.js';
import type { AnnotationRecord, Id, JobRecord, PayloadSlot, SettingRecord } from '../../core/records.js';
import { payloadSlots, settingKey } from '../../core/records.js';
import { CompactJob } from '../../core/state/compact-job.js';
import { State } from '../../core/state/state.js';
import { DirectoryUnusableError } from '../../errors.js';
import { type Disk, machineDisk } from '../../journal/disk.js';
import { openJournal } from '../../journal/journal.js';
import { type Loss, SalvageReader } from '../../journal/salvage-reader.js';
import { payloadHeadBytes } from './entries.js';
import { LiveBytes } from './live-bytes.js';
import { RecordReader } from './record-reader.js';
import { RecordWriter } from './record-writer.js';
import { StoredPayload } from './stored-payload.js';

export interface SalvageReport {
  /** Number of jobs, settings and annotations in the new journal. */
  readonly jobs: number;
  readonly settings: number;
  readonly annotations: number;
  readonly losses: readonly Loss[];
  /** Jobs that were found but not salvaged. */
  readonly leftOut: readonly { readonly job: Id; readonly reason: string }[];
}

const jobsPerFrame = 256;

/**
 * Salvages the journal in `directory`, whatever its state, into the directory `into`, which must
 * have no journal. No process may have `directory` open meanwhile. Modifies nothing in `directory`.
 */
export async function salvage(
  directory: string,
  into: string,
  { disk = machineDisk }: { disk?: Disk } = {},
): Promise<SalvageReport> {
  const reader = new SalvageReader(directory, disk);
  try {
    const state = new State();
    reader.read(new RecordReader(state));
    const { families, leftOut } = familiesOf(state);
    const journal = await openJournal(into, { segment: refuse, entry: refuse }, { disk });
    try {
      const writer = new RecordWriter(journal, new State(), LiveBytes.of([]));
      const settings = new Map([...state.settings()].map((setting) => [settingKey(setting), setting] as const));
      writer.write({ ...nothing, settings });
      const kept = new Set<Id>();
      let frame: JobRecord[] = [];
      const flush = () => {
        writer.write({ ...nothing, jobs: frame });
        frame = [];
      };
      for (const family of families) {
        const read = readFamily(reader, family);
        if (typeof read === 'string') {
          for (const { id } of family) leftOut.push({ job: id, reason: read });
          continue;
        }
        for (const { id } of read) kept.add(id);
        frame.push(...read);
        if (frame.length >= jobsPerFrame) flush();
      }
      flush();
      const annotations = new Map(
        [...state.annotations()]
          .filter(({ job }) => kept.has(job))
          .map((one) => [`${one.job}${one.name}`, one] as const),
      );
      writer.write({ ...nothing, annotations });
      await journal.sync();
      const counts = { jobs: kept.size, settings: settings.size, annotations: annotations.size };
      return { ...counts, losses: reader.losses, leftOut };
    } finally {
      await journal.close();
    }
  } finally {
    reader.close();
  }
}

const nothing = {
  jobs: [] as readonly JobRecord[],
  forgotten: [],
  settings: new Map<string, SettingRecord>(),
  annotations: new Map<string, AnnotationRecord>(),
  dropped: [],
  droppedSeats: [],
};

function refuse(): never {
  throw new DirectoryUnusableError('`into` must be a directory without a journal');
}

/** Groups jobs by their root. Leaves out families with a missing member. */
function familiesOf(state: State) {
  const members = new Map<Id, JobRecord[]>();
  const leftOut: { job: Id; reason: string }[] = [];
  for (const job of state.jobs()) if (job.parent !== '') addTo(members, job);
  const families: JobRecord[][] = [];
  for (const root of state.jobs()) {
    if (root.parent !== '') {
      if (state.job(root.parent) === undefined)
        leftOut.push({ job: root.id, reason: 'the job that it belongs to is lost' });
      continue;
    }
    const family: JobRecord[] = [root];
    let isWhole = true;
    for (let at = 0; at < family.length; at++) {
      const job = family[at]!;
      const own = members.get(job.id) ?? [];
      if (own.length !== job.parts + job.callbacks) isWhole = false;
      if (job.inner !== '' && job.outcome === 'none' && state.job(job.inner) === undefined) isWhole = false;
      family.push(...own);
    }
    if (isWhole) families.push(family);
    else
      for (const { id } of family)
        leftOut.push({ job: id, reason: 'a part, a callback or a returned job of its family is lost' });
  }
  return { families, leftOut };
}

function addTo(members: Map<Id, JobRecord[]>, job: JobRecord): void {
  const found = members.get(job.parent);
  if (found === undefined) members.set(job.parent, [job]);
  else found.push(job);
}

/** Returns a family's records with the bytes of their payloads, or why one cannot be read. */
function readFamily(reader: SalvageReader, family: readonly JobRecord[]): JobRecord[] | string {
  const read: JobRecord[] = [];
  for (const job of family) {
    const payloads: { [slot in PayloadSlot]: StoredPayload | null } = { args: null, result: null };
    for (const slot of payloadSlots) {
      try {
        payloads[slot] = readPayload(reader, job[slot] as StoredPayload | null);
      } catch (error) {
        const what = slot === 'args' ? 'the arguments' : 'the result';
        return `${what} of job ${idToText(job.id)} cannot be read: ${error instanceof Error ? error.message : error}`;
      }
    }
    read.push({ ...CompactJob.toRecord(job), ...payloads });
  }
  return read;
}

function readPayload(reader: SalvageReader, payload: StoredPayload | null): StoredPayload | null {
  if (payload === null) return null;
  if (payload.isLost) throw new Error('the entry is lost');
  return StoredPayload.of(payload.bytes ?? reader.entry(payload.position).subarray(payloadHeadBytes));
}
