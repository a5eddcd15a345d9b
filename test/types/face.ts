/**
 * What the types of the face promise. Nothing of this file runs: the compiler is its test. A line under `@ts-expect-error` that
 * compiles is an error.
 */
import {
  type CompletedJobs,
  currentJob,
  defineJobs,
  type Job,
  type JobCall,
  type JobReference,
  type OpenOptions,
  open,
  parallel,
  type Runtime,
  serial,
  transfer,
} from 'callsheet';
import type { Order } from './jobs.js';

const shop = defineJobs<typeof import('./jobs.js')>('shop', new URL('./jobs.js', import.meta.url));

/** Holds if the two types are the same, to the letter. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <_ extends true>(): void => {};

/** [1] Argument types come from the module. */
export function argumentsAreChecked(): void {
  shop.total({ id: 1 });
  shop.total({ id: 1, lines: ['a'] }, 0.1);
  shop.many('a');
  shop.many('a', 1, 2, 3);
  // @ts-expect-error: an argument is missing
  shop.total();
  // @ts-expect-error: of another type
  shop.total('1');
  // @ts-expect-error: a field of another type
  shop.total({ id: '1' });
  // @ts-expect-error: the second of another type
  shop.total({ id: 1 }, '20 %');
  // @ts-expect-error: one too many
  shop.total({ id: 1 }, 0.1, 3);
  // @ts-expect-error: it takes none
  shop.nothing(1);
  // @ts-expect-error: a rest argument of another type
  shop.many('a', 'b');
}

/** [1] What the module does not export as a function is no callable. */
export function exportsAreChecked(): void {
  // @ts-expect-error: no such export
  shop.refund();
  // @ts-expect-error: no function
  shop.vat();
  // @ts-expect-error: a class is called with `new`
  shop.Shop();
  // @ts-expect-error: callables cannot be replaced
  shop.nothing = shop.total;
}

/** [1] Result types come from the module, awaited. */
export async function resultsAreInferred(callsheet: Runtime): Promise<void> {
  const queue = callsheet.queue();
  const total = await queue.put(shop.total({ id: 1 }));
  const fetched = await queue.put(shop.fetched(1));
  const nothing = await queue.put(shop.nothing);
  const many = await queue.put(shop.many('a', 1));
  holds<Same<typeof total, Job<number>>>();
  holds<Same<typeof fetched, Job<Order>>>();
  holds<Same<typeof nothing, Job<void>>>();
  holds<Same<typeof many, Job<readonly [string, number]>>>();
  const result = await total.result();
  holds<Same<typeof result, number>>();
  // @ts-expect-error: a number is no text
  (await total.result()).toUpperCase();
  const all = await queue.putAll([shop.total({ id: 1 }), shop.total({ id: 2 })]);
  holds<Same<typeof all, Job<number>[]>>();
  const again = callsheet.job<number>(total.id);
  holds<Same<typeof again, Job<number>>>();
  const unknown = callsheet.job(total.id);
  holds<Same<typeof unknown, Job<unknown>>>();
}

/** [1] A callable stands for a job without arguments where it needs none. */
export async function uncalledIsChecked(callsheet: Runtime): Promise<void> {
  await callsheet.queue().put(shop.nothing);
  // @ts-expect-error: it needs an argument
  await callsheet.queue().put(shop.total);
  // @ts-expect-error: a plain function is no job
  await callsheet.queue().put(() => 3);
  // @ts-expect-error: nor is a value
  await callsheet.queue().put(3);
}

/** [2.6] A job that returns a job has that one's result. */
export async function returnedJobsAreTyped(callsheet: Runtime): Promise<void> {
  const queue = callsheet.queue();
  const call = await queue.put(shop.returnsCall());
  holds<Same<typeof call, Job<number | string>>>();
  const composition = await queue.put(shop.returnsComposition());
  holds<Same<typeof composition, Job<Order>>>();
  const reference = await queue.put(shop.returnsReference(1));
  holds<Same<typeof reference, Job<Order>>>();
}

/** [2.7] What is put inside a job is typed as what is put outside. */
export async function insideIsTyped(): Promise<void> {
  const put = currentJob().put(shop.total({ id: 1 }));
  holds<Same<typeof put, JobReference<number>>>();
  const now = await (await currentJob().putNow(shop.fetched(1))).result();
  holds<Same<typeof now, Order>>();
  currentJob().progress({ done: 1, total: 2 });
  // @ts-expect-error: how much is done is a number
  currentJob().progress({ done: '1' });
}

/** [2.11] What is marked to be transferred keeps its type; nothing else is marked. */
export function transfersAreTyped(): void {
  const pixels = transfer(new Float64Array(1));
  holds<Same<typeof pixels, Float64Array<ArrayBuffer>>>();
  // @ts-expect-error: a number is no buffer
  transfer(1);
}

/** [7.1] The postprocess takes what the parts give, and its result is the whole's. */
export async function compositionsAreTyped(callsheet: Runtime): Promise<void> {
  const queue = callsheet.queue();
  const totals = [shop.total({ id: 1 }), shop.total({ id: 2 })];
  const text = await queue.put(parallel(totals, { postprocess: shop.sumUp }));
  holds<Same<typeof text, Job<string>>>();
  const list = await queue.put(serial(totals));
  holds<Same<typeof list, Job<CompletedJobs<number>>>>();
  const titled = await queue.put(parallel(totals, { postprocess: shop.sumUpWith.with('March', 2) }));
  holds<Same<typeof titled, Job<{ title: string }>>>();
  const nested = await queue.put(serial([parallel(totals), serial(totals)]));
  holds<Same<typeof nested, Job<CompletedJobs<CompletedJobs<number>>>>>();
  for (const { result } of await list.result()) holds<Same<typeof result, number>>();
  await queue.put(parallel(totals, { postprocess: shop.anyOf }));
  await queue.put(parallel([shop.nothing, shop.nothing()]));
}

/** [7.1] Parts may differ in what they give: the completed ones give any of that. */
export async function mixedPartsAreTyped(callsheet: Runtime): Promise<void> {
  const queue = callsheet.queue();
  const list = await queue.put(parallel([shop.total({ id: 1 }), shop.fetched(1)]));
  holds<Same<typeof list, Job<CompletedJobs<number | Order>>>>();
  const nested = await queue.put(serial([shop.total({ id: 1 }), parallel([shop.fetched(1), shop.many('a')])]));
  holds<Same<typeof nested, Job<CompletedJobs<number | CompletedJobs<Order | readonly [string, number]>>>>>();
  const labelled = await queue.put(parallel([shop.total({ id: 1 }), shop.fetched(1)], { postprocess: shop.label }));
  holds<Same<typeof labelled, Job<string[]>>>();
  await queue.put(parallel([shop.total({ id: 1 })], { postprocess: shop.label }));
  const mixed: JobCall<number | Order>[] = [shop.total({ id: 1 }), shop.fetched(1)];
  serial(mixed, { postprocess: shop.anyOf });
  // @ts-expect-error: one of the parts gives an order, and the postprocess takes numbers
  parallel([shop.total({ id: 1 }), shop.fetched(1)], { postprocess: shop.sumUp });
  // @ts-expect-error: one of the parts gives nothing
  parallel([shop.total({ id: 1 }), shop.fetched(1), shop.nothing], { postprocess: shop.label });
}

export function compositionsAreChecked(): void {
  const totals = [shop.total({ id: 1 })];
  // @ts-expect-error: it takes completed numbers, not orders
  parallel([shop.fetched(1)], { postprocess: shop.sumUp });
  // @ts-expect-error: it takes an order, not completed parts
  parallel(totals, { postprocess: shop.total });
  // @ts-expect-error: its own arguments are not given
  parallel(totals, { postprocess: shop.sumUpWith });
  // @ts-expect-error: given with another type
  parallel(totals, { postprocess: shop.sumUpWith.with(1, 2) });
  // @ts-expect-error: called, it is a job, not a postprocess
  parallel(totals, { postprocess: shop.nothing() });
  // @ts-expect-error: a plain function is no callable
  parallel(totals, { postprocess: () => 3 });
  // @ts-expect-error: one job is no list of them
  serial(shop.nothing());
}

/** Options are checked as well. */
export async function optionsAreChecked(): Promise<void> {
  await open({ jobs: [shop], directory: new URL('file:///tmp/x'), threads: 2, durability: 'process' });
  // @ts-expect-error: jobs are needed
  await open({ directory: './x' });
  // @ts-expect-error: no such level
  await open({ jobs: [shop], durability: 'paranoid' });
  // @ts-expect-error: no such option
  await open({ jobs: [shop], workers: 2 });
  const options: OpenOptions = { jobs: [] };
  // @ts-expect-error: options are not changed
  options.threads = 2;
}
