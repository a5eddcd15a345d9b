/**
 * Queues, as their users hold them.
 */
import type { Level } from '../core/records.js';
import { CallsheetError } from '../errors.js';
import { newId } from '../protocol/id.js';
import type { WireJob, WireModule } from '../protocol/messages.js';
import { encodeArguments } from '../protocol/payload.js';
import { asJob, Composition, type Part } from './compose.js';
import type { JobCall } from './define-jobs.js';
import { Job } from './job.js';
import type { Link } from './link.js';

/** What a queue needs of its runtime. */
export interface QueueContext {
  readonly link: Link;
  /** What each registered module exports. */
  readonly modules: Readonly<Record<string, WireModule>>;
  readonly durability: Level;
}

/** A named line of jobs. */
export class Queue {
  /** The queue's name; the one that is always there is named ''. */
  readonly name: string;
  readonly #context: QueueContext;

  /** @internal */
  constructor(name: string, context: QueueContext) {
    this.name = name;
    this.#context = context;
  }

  /**
   * Puts a job into the queue. Resolves when it is as durable as the runtime was asked to be: by default, on the disk.
   *
   * @param job A callable with its arguments, a callable that needs none, or a composition.
   * @throws {NotStorableError} an argument cannot be stored faithfully; `path` says which part of it.
   * @throws {CallsheetError} UNKNOWN_MODULE, UNKNOWN_EXPORT or EXPORT_NOT_CALLABLE: this build has no such function; UNKNOWN_QUEUE.
   */
  async put<Result>(job: Part<Result>): Promise<Job<Result>> {
    const [handle] = await this.putAll([job]);
    return handle!;
  }

  /** Puts several jobs, all or none. */
  async putAll<Result>(jobs: readonly Part<Result>[]): Promise<Job<Result>[]> {
    const wire = jobs.map((job, index) =>
      this.#encode(asJob(job, jobs.length === 1 ? 'the job' : `jobs[${index}]`), ''),
    );
    await this.#context.link.request(['put', this.name, this.#context.durability, wire]);
    return wire.map(([id]) => new Job<Result>(this.#context.link, id));
  }

  /** `where` is the path to a part, for errors; empty for the job itself. */
  #encode(job: JobCall | Composition, where: string): WireJob {
    const id = newId();
    if (job instanceof Composition) {
      const { form, postprocess } = job;
      const parts = job.parts.map((part, index) => this.#encode(part, `${where}parts[${index}].`));
      if (postprocess === undefined) return [id, form, '', null, 0, 'default', parts];
      return [
        id,
        form,
        postprocess.callable,
        this.#arguments(postprocess, `${where}postprocess.`),
        0,
        'default',
        parts,
      ];
    }
    return [
      id,
      'call',
      job.callable,
      this.#arguments({ callable: job.callable, given: job.args }, where),
      0,
      'default',
      [],
    ];
  }

  #arguments({ callable, given }: { callable: string; given: readonly unknown[] }, where: string): Uint8Array | null {
    this.#check(callable, where);
    return given.length === 0 ? null : encodeArguments(given, { root: `${where}arguments` });
  }

  /** This build has the function. */
  #check(callable: string, where: string): void {
    const at = callable.indexOf('#');
    const [module, name] = [callable.slice(0, at), callable.slice(at + 1)];
    const of = where === '' ? '' : ` (${where.slice(0, -1)})`;
    const found = Object.hasOwn(this.#context.modules, module) ? this.#context.modules[module] : undefined;
    if (found === undefined) {
      throw new CallsheetError(
        'UNKNOWN_MODULE',
        `the module ${JSON.stringify(module)} was not given to open({ jobs })${of}`,
      );
    }
    if (found.functions.includes(name)) return;
    if (found.others.includes(name)) {
      throw new CallsheetError('EXPORT_NOT_CALLABLE', `${module} exports ${name}, but it is not a function${of}`);
    }
    throw new CallsheetError('UNKNOWN_EXPORT', `${module} exports no function named ${name}${of}`);
  }
}
