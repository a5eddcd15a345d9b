/**
 * What is stored of a job, in memory: small, because there are as many as jobs, and one more for
 * each that a group changes.
 *
 * What is another in nearly every job is a field of its own. The rest is read and written like one,
 * and lies in objects that jobs share (`job-shared.ts`).
 */

import {
  codeOf,
  type Id,
  type JobRecord,
  type JobStage,
  type JobStatus,
  jobStages,
  jobStatuses,
  type Level,
  levels,
  type Payload,
} from '../records.js';
import { JobShared } from './job-shared.js';

// What is in which bits: from the lowest on three for the status, three for the stage, two for the
// level, one for whether it is queued, and twelve for the time of the put. They stand in the code
// as numbers, small enough for V8 to have it wherever it is called.
const recordBits = 0x1f_ffff;

/** What is stored of a job. */
export class JobFields extends JobShared implements JobRecord {
  id!: Id;
  eligible = 0;
  args: Payload | null = null;
  /**
   * All of the time of the put but its lowest bits, which will be a small number for 200 years: a
   * larger one has a box beside its field.
   */
  private putAtHigh = 0;

  constructor(from: JobRecord) {
    super();
    this.restore(from);
  }

  /** Takes on all that is stored of another. */
  restore(from: JobRecord): void {
    this.share(from);
    this.id = from.id;
    this.eligible = from.eligible;
    this.args = from.args;
    if (from instanceof JobFields) {
      this.putAtHigh = from.putAtHigh;
      this.bits = (this.bits & ~recordBits) | (from.bits & recordBits);
    } else {
      this.putAtHigh = Math.floor(from.putAt / 4096);
      const bits =
        codeOf(jobStatuses, from.status) | (codeOf(jobStages, from.stage) << 3) | (codeOf(levels, from.level) << 6);
      this.bits = (this.bits & ~recordBits) | bits | ((from.putAt - this.putAtHigh * 4096) << 9);
      this.queued = from.queued;
    }
  }

  /**
   * The record as a plain object of its own, whatever it is: not all fields of a row are its own
   * properties.
   */
  static toRecord(job: JobRecord): JobRecord {
    if (!(job instanceof JobFields)) return { ...job };
    const { kind, id, status, stage, level, queued, eligible, putAt, args } = job;
    return { kind, id, status, stage, level, queued, eligible, putAt, args, ...job.traits, ...job.run };
  }

  get kind(): 'job' {
    return 'job';
  }

  get status(): JobStatus {
    return jobStatuses[this.bits & 7]!;
  }

  set status(status: JobStatus) {
    this.bits = (this.bits & ~7) | codeOf(jobStatuses, status);
  }

  get stage(): JobStage {
    return jobStages[(this.bits >> 3) & 7]!;
  }

  set stage(stage: JobStage) {
    this.bits = (this.bits & ~(7 << 3)) | (codeOf(jobStages, stage) << 3);
  }

  get level(): Level {
    return levels[(this.bits >> 6) & 3]!;
  }

  set level(level: Level) {
    this.bits = (this.bits & ~(3 << 6)) | (codeOf(levels, level) << 6);
  }

  get queued(): boolean {
    return (this.bits & 0x100) !== 0;
  }

  set queued(queued: boolean) {
    this.bits = queued ? this.bits | 0x100 : this.bits & ~0x100;
  }

  /** In whole milliseconds. */
  get putAt(): number {
    return this.putAtHigh * 4096 + ((this.bits >> 9) & 4095);
  }
}
