/** Jobs that use `currentJob()`: its properties, its annotations, its puts. */
import { inspect } from 'node:util';
import {
  type CompletedJobs,
  currentJob,
  type Failure,
  failure,
  type JobReference,
  map,
  type Part,
  parallel,
  serial,
} from 'callsheet';
import { inside, work } from './all.js';
import { fail, hold, mark } from './work.js';

/** Returns properties of the current job, read below its handler. */
export function whoAmI(): Pick<
  ReturnType<typeof currentJob>,
  'id' | 'attempt' | 'queue' | 'agent' | 'dispatcher' | 'cancelled'
> {
  const below = () => currentJob();
  const { id, attempt, queue, agent, dispatcher, cancelled } = below();
  return { id, attempt, queue, agent, dispatcher, cancelled };
}

/** Logs numbered lines, and lines below its level. */
export function say(count: number, text: string): void {
  const { logger } = currentJob();
  for (let n = 0; n < count; n++) logger.warn({ n }, text);
  logger.debug('below the level');
}

/** Returns the tick for which the current job was put. */
export const tick = () => currentJob().schedule;
/** Returns a job whose put is not committed yet. */
export const addLater = (a: number, b: number) => currentJob().put(work.add(a, b));
/** Returns a job without putting it. */
export const addReturned = (a: number, b: number) => work.add(a, b);
/** Returns a chain of `left` jobs, each returned by the one before. */
export const legs = (left: number): unknown => (left === 0 ? 'arrived' : inside.legs(left - 1));
/** Returns a callable, which stands for a job without arguments. */
export const returnUncalled = () => work.argumentsOf;
export const returnMap = () => map([1, 2], work.mark as never);
export const returnHeld = (name: string, queue?: string) =>
  currentJob().put(work.hold(name), queue === undefined ? {} : { queue });
export const returnFailing = (message: string) => currentJob().put(work.fail(message));
export const returnParallel = (names: string[]) =>
  currentJob().put(parallel(names.map((name) => work.mark(name)) as Part[], { postprocess: work.list }));
/** Returns the job of a given handle. */
export const returnGiven = (job: JobReference) => job;

/** Puts a job, sets its id as an annotation, waits at its gate, and then fails if `failing`. */
export async function putAndHold(name: string, failing = false): Promise<string> {
  const put = currentJob().put(work.mark(`put by ${name}`));
  currentJob().annotations.set('put', put.id);
  await hold(name);
  return failing ? fail('after a put') : put.id;
}

/** Puts a job, and ends in the way of `how`. */
export function putAndEnd(how: 'well' | 'throw' | 'unstorable' | 'unknown queue', name: string): unknown {
  currentJob().put(work.mark(name));
  if (how === 'unknown queue') currentJob().put(work.mark(`${name}, elsewhere`), { queue: 'nowhere' });
  if (how === 'throw') throw new Error('after a put');
  return how === 'unstorable' ? () => 'a function' : 'ended';
}

/** Returns the list of the parts, after other arguments that its caller appends. */
export const returnList = (names: string[], ..._: unknown[]) =>
  parallel(names.map((name) => work.mark(name)) as Part[]);

/** Waits for its own put; returns the error of that wait. */
export async function waitForPut(): Promise<unknown> {
  const put = currentJob().put(work.add(1, 1));
  return put.result().catch((error: Error) => `${error.name}: ${error.message}`);
}

/** Puts a job that cannot be stored; returns the error that `put` throws. */
export function putBadly(): string {
  try {
    currentJob().put(work.argumentsOf(() => 'no'));
    return 'taken';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

export function addPartsToWhole(names: string[]): string {
  currentJob().addParts(names.map((name) => work.mark(name)) as Part[]);
  return mark('adding');
}

/** A callback that adds parts to its job's composition. */
export function addPartsTo(whole: JobReference, names: string[], _outcome?: unknown): void {
  currentJob().addParts(names.map((name) => work.mark(name)) as Part[], whole);
}

export function hangCallback(job: JobReference, failing: boolean): string {
  currentJob().addCallbacks(job, { both: work.tell.with('hung') });
  return failing ? fail('after hanging') : 'hung';
}

export function removeJob(job: JobReference, failing: boolean): string {
  currentJob().remove(job);
  return failing ? fail('after removing') : 'removed';
}

export const putInQuota = (quota: string) => currentJob().put(work.mark('never').with({ quotas: [quota] })).id;

export function annotate(name: string, value: unknown, of?: JobReference): unknown {
  (of ?? currentJob()).annotations.set(name, value);
  return currentJob().annotations.get(name);
}

/** Waits for an annotation and returns it, or a default after the timeout. */
export const listen = (name: string, timeoutMs: number) =>
  currentJob().annotations.waitFor(name, { timeoutMs, default: 'nothing' });
export const listenSync = (name: string) =>
  currentJob().annotations.waitForSync(name, { timeoutMs: 5, default: 'nothing' });
export const read = (name: string) => currentJob().annotations.get(name);

/** Records its signal and its flag before and after it is cancelled. */
export async function watchStop(): Promise<string[]> {
  const job = currentJob();
  const before = `${job.signal.aborted} ${job.cancelled}`;
  job.annotations.set('watching', true);
  await new Promise((resolve) => job.signal.addEventListener('abort', resolve, { once: true }));
  mark(`${before} ${job.signal.aborted} ${job.cancelled}`);
  return ['it went on to its end'];
}

export async function holdThenPut(name: string): Promise<string> {
  await hold(name);
  currentJob().put(work.mark(`put by ${name}`));
  return name;
}

/** Returns its first part's failure as a value, without throwing it. */
export function putAndReturnFailure(parts: CompletedJobs): unknown {
  currentJob().put(work.mark('it stays'));
  return parts.at(0)!.failure;
}

export function putAndFailOnce(name: string): string {
  const { attempt } = currentJob();
  currentJob().put(work.mark(`${name}, attempt ${attempt}`));
  if (attempt === 1) throw new Error('the first time');
  return 'ended';
}

export function addPartsAndEnd(names: string[], failing: boolean): string {
  currentJob().addParts(names.map((name) => work.mark(name)) as Part[]);
  return failing ? fail('after adding') : 'added';
}

export const idFromAnnotation = (of: JobReference, name: string) => (of.annotations.get(name) as JobReference).id;

/** Returns a job that names a quota. */
export const returnHeldIn = (name: string, quota: string) =>
  currentJob().put(work.hold(name).with({ quotas: [quota] }));

/** A postprocess that fails the first time. */
export function failFirst(_parts: CompletedJobs): string {
  const { annotations } = currentJob();
  if (annotations.get('tried') === undefined) {
    annotations.set('tried', true);
    throw new Error('the first time');
  }
  return 'after 2 attempts';
}

export async function idAfter(gate: string): Promise<string> {
  await hold(gate);
  return currentJob().id;
}

export async function sayAndHold(name: string, value: unknown): Promise<string> {
  currentJob().annotations.set(name, value);
  return hold(name);
}

export function sayAndFail(name: string, value: unknown): never {
  currentJob().annotations.set(name, value);
  return fail('after saying');
}

export const listenTo = (job: JobReference, name: string) => job.annotations.waitFor(name, { timeoutMs: 5 });

/** Puts a job at once, waits for it, and then fails if `failing`. */
export async function putNowAndEnd(name: string, failing: boolean): Promise<unknown> {
  const put = await currentJob().putNow(work.mark(name));
  const result = await put.result();
  return failing ? fail('after a put') : result;
}

/** Waits for a job that fails, or that cannot be put; returns the error. */
export async function putNowBadly(how: 'failing' | 'unknown queue'): Promise<unknown> {
  try {
    if (how === 'failing') return await (await currentJob().putNow(work.fail('inner'))).result();
    return await currentJob().putNow(work.mark('never'), { queue: 'nowhere' });
  } catch (error) {
    return `${(error as { code: string }).code}: ${(error as Error).message}`;
  }
}

export const putUnique = async (key: string) =>
  (await currentJob().putNow(work.hold('unique').with({ unique: key }))).id;

/** Return jobs with a key: one not put yet, or the second of two puts. */
export const returnUnique = (key: string) => work.mark('returned').with({ unique: key });
export function putUniqueTwice(key: string): unknown {
  const put = (name: string) => currentJob().put(work.mark(name).with({ unique: key }));
  put('first');
  return put('second');
}
/** Puts a job with a key, and adds a callback to it. */
export function hangOnUnique(key: string): string {
  const put = currentJob().put(work.mark('put').with({ unique: key }));
  return currentJob().addCallbacks(put, { both: work.tell.with('hung') }).id;
}

/** Returns a held job, which another must put. */
export const returnUnput = (name: string) => work.mark(name).with({ held: true });
/** Puts the job of a given handle. */
export const putGiven = (job: JobReference) => currentJob().put(job).id;
export const putDelayed = (name: string, delayMs: number) =>
  currentJob().put(work.mark(name).with({ beginAfter: delayMs })).id;

export async function progressAndHold(name: string): Promise<string> {
  currentJob().progress({ done: 3, total: 10, message: 'pages' });
  return hold(name);
}
export const progressBadly = () => currentJob().progress({ done: -1 });

export const waitForGiven = (job: JobReference) => job.result();
export const waitForTold = (job: JobReference) => job.annotations.waitFor('told', { timeoutMs: 3_600_000 });
/** Puts a job at once that does the same, `depth` levels deep; each waits for the next. */
export async function descend(depth: number): Promise<number> {
  return depth === 0 ? 0 : 1 + (await (await currentJob().putNow(inside.descend(depth - 1))).result());
}
/** Puts a composition at once, and waits for it. */
export const waitForParts = async (names: readonly string[], how: 'serial' | 'parallel'): Promise<string[]> =>
  (await currentJob()
    .putNow(
      (how === 'serial' ? serial : parallel)(names.map((name) => work.mark(name)) as Part[], {
        postprocess: work.list,
      }),
    )
    .then((put) => put.result())) as string[];

/** Returns the errors of calls with unknown or invalid options. */
export async function misspell(): Promise<string[]> {
  const job = currentJob();
  const unput = work.mark('never');
  const calls: (() => unknown)[] = [
    () => job.put(unput, { queu: 'mail' } as never),
    () => job.put(unput, null as never),
    () => job.put(unput, { queue: '\ud800' }),
    () => job.putNow(unput, { queu: 'mail' } as never),
    () => job.addCallbacks(job.put(work.mark('put')), { failed: work.mark } as never),
    () => job.progress({ done: 1, totl: 2 } as never),
    () => job.progress(null as never),
    () => job.annotations.waitFor('x', { timeout: 1 } as never),
    () => job.annotations.waitForSync('x', null as never),
  ];
  const said: string[] = [];
  for (const call of calls) {
    try {
      await call();
      said.push('taken');
    } catch (error) {
      said.push(`${error}`);
    }
  }
  return said;
}

/** Puts a job at once, the same in every run, and waits for it. */
export const putNowAndHold = async (name: string) =>
  (await currentJob().putNow(work.hold(name).with({ unique: name }))).result();

export function shown(job: JobReference): string {
  return inspect(job);
}

/** Puts a job with a text of `length` characters as its argument. */
export const putsText = (length: number) => currentJob().put(work.mark('x'.repeat(length))).id;

/** Returns the id of its parent, if it has one. Its last argument is the outcome of a callback. */
export const parentId = (_outcome?: unknown): string | undefined => currentJob().parent?.id;

/** A postprocess that looks at its parts: status, times, arguments, the annotation `said`. */
export const lookAtParts = (parts: CompletedJobs): unknown[] =>
  Array.from(parts, ({ id }) => {
    const part = currentJob().job(id);
    const { status, lastStartAt, attempts } = part.details();
    return [status, lastStartAt instanceof Date, attempts, part.arguments(), part.annotations.get('said')];
  });

/** Reads the status of a job by its id, or the code of the error. */
export function statusOf(id: string): string {
  try {
    return currentJob().job(id).status();
  } catch (error) {
    return (error as { code: string }).code;
  }
}

export function statusOfPut(): string {
  try {
    return currentJob().put(work.mark('later')).status();
  } catch (error) {
    return (error as { code: string }).code;
  }
}

export const resultOf = (id: string): Promise<unknown> => currentJob().job(id).result();

/** Puts a job, and returns a failure. */
export function putAndReturnFailed(message: string): Failure {
  currentJob().put(work.mark('it stays'));
  return failure(new RangeError(message));
}
