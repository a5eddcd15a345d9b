/**
 * Takes the changes of others into a state: each record as it is now, with the steps between left
 * out.
 */
import type { AnnotationRecord, Id, JobRecord, SettingRecord } from '../../../src/core/records.js';
import type { State } from '../../../src/core/state/state.js';

/** By id or key; undefined if the record was deleted. */
export interface News {
  readonly jobs: ReadonlyMap<Id, JobRecord | undefined>;
  readonly settings: ReadonlyMap<string, SettingRecord | undefined>;
  readonly annotations: ReadonlyMap<string, AnnotationRecord | undefined>;
}

export function admitNews(state: State, { jobs, settings, annotations }: News): void {
  for (const [key, setting] of settings) state.admitSetting(key, setting);
  for (const [id, job] of jobs) if (job === undefined) state.expel(id);
  const admitted = new Set<Id>();
  // Admits a job after its parent.
  const admit = (job: JobRecord): void => {
    if (admitted.has(job.id)) return;
    admitted.add(job.id);
    const above = jobs.get(job.parent);
    if (above !== undefined) admit(above);
    state.admit(job);
  };
  for (const job of jobs.values()) if (job !== undefined) admit(job);
  for (const [key, annotation] of annotations) {
    const [job, name] = [key.slice(0, 16), key.slice(16)];
    state.admitAnnotation(job, name, annotation?.value ?? null);
  }
}
