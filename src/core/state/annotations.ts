/** The annotations of remembered jobs, by job and name. */
import { Members } from '../collections/members.js';
import type { AnnotationRecord, Id, Payload } from '../records.js';

export const annotationKey = (job: Id, name: string) => `${job}${name}`;

export class Annotations {
  readonly #records = new Map<string, AnnotationRecord>();
  readonly #names = new Members<string>();

  get(job: Id, name: string): AnnotationRecord | undefined {
    return this.#records.get(annotationKey(job, name));
  }

  all(): IterableIterator<AnnotationRecord> {
    return this.#records.values();
  }

  /** Returns the names of a job's annotations. */
  namesOf(job: Id): readonly string[] {
    return [...this.#names.of(job)];
  }

  /** `true` if the job has annotations. */
  hasAny(job: Id): boolean {
    return this.#records.size > 0 && this.#names.count(job) > 0;
  }

  /** `null` removes the annotation. */
  put(job: Id, name: string, value: Payload | null): void {
    const key = annotationKey(job, name);
    const record: AnnotationRecord | undefined = value === null ? undefined : { kind: 'annotation', job, name, value };
    if (record === undefined) {
      this.#records.delete(key);
      this.#names.remove(job, name);
    } else {
      this.#records.set(key, record);
      this.#names.add(job, name);
    }
  }
}
