/**
 * Writes the records of a snapshot as entries: jobs with the places of their payloads, annotations
 * and settings whole.
 */
import { type AnnotationRecord, type JobRecord, type SettingRecord, settingKey } from '../../core/records.js';
import type { SnapshotWriter } from '../../journal/journal.js';
import { writeJob } from '../job-header.js';
import { entryTypes, payloadHeadBytes } from './entries.js';
import { EntryBuffer } from './entry-buffer.js';
import type { StoredPayload } from './stored-payload.js';

/** Bytes of a frame, about: few enough to be written and checked again well within a slice. */
const frameBytes = 128 * 1024;
/**
 * Headers of an entry. A table row and a checksum for each header would cost more than they save.
 */
const jobsPerEntry = 64;

export class SnapshotRecords {
  readonly #snapshot: SnapshotWriter;
  readonly #buffer = new EntryBuffer();
  #jobs: JobRecord[] = [];

  constructor(snapshot: SnapshotWriter) {
    this.#snapshot = snapshot;
  }

  /** Adds a job, which must not change before {@link SnapshotRecords.endSlice}. */
  job(job: JobRecord): void {
    this.#jobs.push(job);
    if (this.#jobs.length >= jobsPerEntry) this.#writeJobs();
  }

  setting(setting: SettingRecord): void {
    this.#buffer.setting(settingKey(setting), setting);
    this.#writeFrameIfFull();
  }

  annotation(annotation: AnnotationRecord): void {
    this.#buffer.annotation(`${annotation.job}${annotation.name}`, annotation);
    this.#writeFrameIfFull();
  }

  /** Writes the headers of all jobs added so far, before other work can change the jobs. */
  endSlice(): void {
    if (this.#jobs.length > 0) this.#writeJobs();
  }

  end(): void {
    this.endSlice();
    this.#writeFrame();
  }

  #writeJobs(): void {
    const buffer = this.#buffer;
    const { out } = buffer;
    for (const job of this.#jobs) buffer.introduceNames(job);
    buffer.addEach(entryTypes.keptJobs, this.#jobs, (job) => {
      writeJob(out, job, buffer.numberOf);
      for (const payload of [job.args, job.result]) {
        const stored = payload as StoredPayload | null;
        const segment = stored === null ? 0 : stored.segment;
        out.varint(segment);
        if (segment === 0) continue;
        out.varint(stored!.offset);
        out.varint(stored!.byteLength + payloadHeadBytes);
        out.varint(stored!.checksum >>> 0);
      }
    });
    this.#jobs = [];
    this.#writeFrameIfFull();
  }

  #writeFrameIfFull(): void {
    if (this.#buffer.bytes >= frameBytes) this.#writeFrame();
  }

  #writeFrame(): void {
    const entries = this.#buffer.entries();
    if (entries.count > 0) this.#snapshot.add(entries);
    this.#buffer.clear();
  }
}
