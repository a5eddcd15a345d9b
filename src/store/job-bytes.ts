/**
 * A job's header as bytes of its own, for stores that keep a row for each job: its five names as
 * texts, then the header of `job-header.ts`. Its payloads are kept beside it.
 */
import { ByteReader, ByteWriter } from '../codec/bytes.js';
import type { JobRecord, Payload } from '../core/records.js';
import { namesOf, readJob, writeJob } from './job-header.js';

const out = new ByteWriter();

export function headerOf(job: JobRecord): Uint8Array {
  out.clear();
  for (const name of namesOf(job)) out.text(name);
  writeJob(out, job, (_name, place) => place);
  return out.copy();
}

export function jobFrom(header: Uint8Array, args: Payload | null, result: Payload | null): JobRecord {
  const input = new ByteReader(header);
  const names = Array.from({ length: 5 }, () => input.text());
  return readJob(
    input,
    (number) => names[number]!,
    () => ({ args, result }),
  );
}
