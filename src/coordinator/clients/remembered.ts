/** Looks a job up for a question about it. */
import { idToText } from '../../codec/id.js';
import type { Id, JobRecord } from '../../core/records.js';
import type { View } from '../../core/state/view.js';
import { JobForgottenError } from '../../errors.js';

export function requireJob(view: View, id: Id): JobRecord {
  const job = view.job(id);
  if (job !== undefined) return job;
  throw forgotten(id);
}

export function forgotten(id: Id): JobForgottenError {
  return new JobForgottenError(
    `no job ${idToText(id)} is remembered: it was forgotten after it completed, or never put here`,
  );
}
