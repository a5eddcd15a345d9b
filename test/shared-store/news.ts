/**
 * What others changed, taken into a state: each record as it is now, however often it changed
 * meanwhile.
 */
import type { AnnotationRecord, Id, JobRecord, SettingRecord } from '../../src/core/records.js';
import type { State } from '../../src/core/state/state.js';

/** By id or key; undefined: it is no more. */
export interface News {
  readonly jobs: ReadonlyMap<Id, JobRecord | undefined>;
  readonly settings: ReadonlyMap<string, SettingRecord | undefined>;
  readonly annotations: ReadonlyMap<string, AnnotationRecord | undefined>;
}

export function admitNews(state: State, { jobs, settings, annotations }: News): void {
  for (const [key, setting] of settings) state.admitSetting(key, setting);
  for (const [id, job] of jobs) if (job === undefined) state.expel(id);
  const admitted = new Set<Id>();
  // What a job belongs to comes before it.
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
