/** Puts jobs of all forms, one after another, and reports each put and each end. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Job, parallel, type Runtime, retryNever, serial } from 'callsheet';
import type { Random } from '../../harness/randomness.js';
import { noted } from './jobs/all.js';

export interface LoadOptions {
  /** The file in which runs are noted. */
  readonly file: string;
  /** The names of the jobs begin with it. */
  readonly prefix: string;
  readonly random: Random;
  /** Jobs whose results are awaited at a time. */
  readonly inFlight: number;
}

/** `put NAME ID`, and later `ended NAME MS` or `failed NAME CODE`. */
export type Say = (line: string) => void;

/** The names of jobs that may begin only once end with it. */
export const once = '!';

/** The quota that some jobs take. */
export const quota = 'few';

/** Goes on until `stopped`, or until the runtime is closed. */
export async function putOn(runtime: Runtime, options: LoadOptions, say: Say, stopped: AbortSignal): Promise<void> {
  let names = 0;
  const one = async () => {
    while (!stopped.aborted) {
      await delay(options.random(20));
      await putOne(runtime, `${options.prefix}-${names++}`, options, say).catch(() => delay(200));
    }
  };
  await Promise.all(Array.from({ length: options.inFlight }, one));
}

const onceForm = 3;

async function putOne(runtime: Runtime, plainName: string, { file, random }: LoadOptions, say: Say): Promise<void> {
  const form = random(8);
  const name = form === onceForm ? `${plainName}${once}` : plainName;
  const run = (at: string) => noted.run(file, at, random(40));
  const part = (number: number) => run(`${name}/${number}`);
  const forms = [
    () => run(name),
    () => run(name),
    () => run(name).with({ quotas: [quota] }),
    () => run(name).with({ retry: retryNever }),
    () => run(name).with({ beginAfter: random(500), priority: random(2) }),
    () => run(name).onBoth(noted.after.with(file, `${name}/after`)),
    () => parallel([part(1), part(2), part(3)], { postprocess: noted.gather.with(file, name) }),
    () => serial([part(1), part(2)], { postprocess: noted.gather.with(file, name) }),
  ];
  const putAt = performance.now();
  const job = (await runtime.queue().put(forms[form]!() as ReturnType<typeof run>)) as Job<unknown>;
  say(`put ${name} ${job.id}`);
  const code = await job.result().then(
    () => undefined,
    (error: { code?: string }) => error.code,
  );
  say(code === undefined ? `ended ${name} ${Math.round(performance.now() - putAt)}` : `failed ${name} ${code}`);
}
