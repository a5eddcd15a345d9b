/**
 * The promises of the public types. This file never runs: the compiler checks it. A line under
 * `@ts-expect-error` that compiles is an error.
 */
import {
  type CallbackPair,
  type CompletedItems,
  type CompletedJobs,
  currentJob,
  defineJobs,
  type Job,
  type JobCall,
  type JobModule,
  type JobReference,
  map,
  type NoType,
  type OpenOptions,
  open,
  parallel,
  type Runtime,
  retryForever,
  serial,
  transfer,
} from 'callsheet';
import type { Order, Titled } from './jobs.js';

const shop = defineJobs<typeof import('./jobs.js')>('shop', new URL('./jobs.js', import.meta.url));

/** `true` if the two types are identical. */
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
  // @ts-expect-error: an argument of another type
  shop.total('1');
  // @ts-expect-error: a field of another type
  shop.total({ id: '1' });
  // @ts-expect-error: the second argument is of another type
  shop.total({ id: 1 }, '20 %');
  // @ts-expect-error: one argument too many
  shop.total({ id: 1 }, 0.1, 3);
  // @ts-expect-error: the function has no parameters
  shop.nothing(1);
  // @ts-expect-error: a rest argument of another type
  shop.many('a', 'b');
}

/** [1] Only exported functions of the module are callables. */
export function exportsAreChecked(): void {
  // @ts-expect-error: no such export
  shop.refund();
  // @ts-expect-error: a number is no function
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
  holds<Same<typeof all, [Job<number>, Job<number>]>>();
  const list = [1, 2].map((id) => shop.total({ id }));
  const listed = await queue.putAll(list);
  holds<Same<typeof listed, Job<number>[]>>();
  const again = callsheet.job<number>(total.id);
  holds<Same<typeof again, Job<number>>>();
  const unknown = callsheet.job(total.id);
  holds<Same<typeof unknown, Job<unknown>>>();
}

/** [1] A callable without required arguments can be put uncalled. */
export async function uncalledIsChecked(callsheet: Runtime): Promise<void> {
  await callsheet.queue().put(shop.nothing);
  // @ts-expect-error: `total` needs an argument
  await callsheet.queue().put(shop.total);
  // @ts-expect-error: a plain function is no job
  await callsheet.queue().put(() => 3);
  // @ts-expect-error: a number is no job
  await callsheet.queue().put(3);
}

/** [2.6] A job that returns another job has the result of the returned one. */
export async function returnedJobsAreTyped(callsheet: Runtime): Promise<void> {
  const queue = callsheet.queue();
  const call = await queue.put(shop.returnsCall());
  holds<Same<typeof call, Job<number | string>>>();
  const composition = await queue.put(shop.returnsComposition());
  holds<Same<typeof composition, Job<Order>>>();
  const reference = await queue.put(shop.returnsReference(1));
  holds<Same<typeof reference, Job<Order>>>();
}

/** [2.7] Jobs put inside a job have the same types as those put outside. */
export async function insideIsTyped(): Promise<void> {
  const put = currentJob().put(shop.total({ id: 1 }));
  holds<Same<typeof put, JobReference<number>>>();
  const now = await (await currentJob().putNow(shop.fetched(1))).result();
  holds<Same<typeof now, Order>>();
  currentJob().progress({ done: 1, total: 2 });
  // @ts-expect-error: `done` must be a number
  currentJob().progress({ done: '1' });
}

/** [2.11] `transfer` keeps the type of a buffer, and accepts nothing else. */
export function transfersAreTyped(): void {
  const pixels = transfer(new Float64Array(1));
  const plain = new Float64Array(1);
  holds<Same<typeof pixels, typeof plain>>();
  // @ts-expect-error: a number is no buffer
  transfer(1);
}

/** [7.1] A postprocess takes the results of the parts; its result is the composition's. */
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

/** [7.1] Parts may have different results: the completed parts have the union of their types. */
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
  // @ts-expect-error: one part returns an order, but the postprocess takes numbers
  parallel([shop.total({ id: 1 }), shop.fetched(1)], { postprocess: shop.sumUp });
  // @ts-expect-error: one part returns nothing
  parallel([shop.total({ id: 1 }), shop.fetched(1), shop.nothing], { postprocess: shop.label });
}

/** [3.3] Jobs that are put together each keep their own type. */
export async function severalPutsAreTyped(callsheet: Runtime): Promise<void> {
  const jobs = await callsheet.queue().putAll([shop.total({ id: 1 }), shop.fetched(1), shop.nothing]);
  holds<Same<typeof jobs, [Job<number>, Job<Order>, Job<void>]>>();
  const together = await callsheet.putTogether([
    { job: shop.total({ id: 1 }) },
    { queue: 'mail', job: parallel([shop.fetched(1)]), options: { priority: 1 } },
  ]);
  holds<Same<typeof together, [Job<number>, Job<CompletedJobs<Order>>]>>();
  const puts = [1, 2].map((id) => ({ job: shop.total({ id }) }));
  const many = await callsheet.putTogether(puts);
  holds<Same<typeof many, Job<number>[]>>();
  const parts = await jobs[0].addParts([shop.total({ id: 1 }), shop.nothing]);
  holds<Same<typeof parts, [Job<number>, Job<void>]>>();
  const inner = currentJob().addParts([shop.total({ id: 1 }), shop.nothing]);
  holds<Same<typeof inner, [JobReference<number>, JobReference<void>]>>();
  // @ts-expect-error: `total` needs an argument
  await callsheet.queue().putAll([shop.nothing, shop.total]);
  // @ts-expect-error: a map is put by itself
  await callsheet.putTogether([{ job: map([1], shop.fetched) }]);
}

/** [6.1] A callback's handle has the type of the callback's result. */
export async function callbacksAreTyped(callsheet: Runtime): Promise<void> {
  const job = await callsheet.queue().put(shop.total({ id: 1 }));
  const called = await job.addCallback(shop.record.with('March'));
  holds<Same<typeof called, Job<Date>>>();
  const pair = await job.addCallbacks({ success: shop.record.with('March'), failure: shop.alarm });
  holds<Same<typeof pair, CallbackPair<Date, boolean>>>();
  const result = await pair.result();
  holds<Same<typeof result, Date | boolean>>();
  const one = await job.addCallbacks({ failure: shop.alarm });
  holds<Same<typeof one, CallbackPair<number, boolean>>>();
  const inner = currentJob().addCallbacks(currentJob().put(shop.total({ id: 1 })), { both: shop.record.with('March') });
  holds<Same<typeof inner, JobReference<Date>>>();
  const kept = shop.total({ id: 1 }).onBoth(shop.record.with('March')).on({ failure: shop.alarm });
  holds<Same<typeof kept, JobCall<number>>>();
  // @ts-expect-error: `total` takes an order, but the job returns a number
  await job.addCallback(shop.total);
  // @ts-expect-error: `record` takes a number, not a failure
  await job.addCallbacks({ failure: shop.record.with('March') });
}

/** [6.5] A callback can have options of its own. */
export async function callbacksHaveOptions(callsheet: Runtime): Promise<void> {
  const job = await callsheet.queue().put(shop.total({ id: 1 }));
  const called = await job.addCallback(shop.record.with('March').withOptions({ retry: retryForever }));
  holds<Same<typeof called, Job<Date>>>();
  const complete = await job.addCallback(shop.fetched(1).with({ retry: retryForever }));
  holds<Same<typeof complete, Job<Order>>>();
  // @ts-expect-error: no such option
  shop.record.withOptions({ retries: 3 });
}

/**
 * [7.4] A map and its postprocess infer their types from their functions, including functions with
 * arguments of their own.
 */
export async function mapsAreTyped(callsheet: Runtime): Promise<void> {
  const queue = callsheet.queue();
  const orders: readonly Order[] = [];
  const plain = await queue.put(map(orders, shop.total));
  holds<Same<typeof plain, Job<CompletedItems<number>>>>();
  const reported = await queue.put(map(orders, shop.total, { postprocess: shop.report }), { unique: 'March' });
  holds<Same<typeof reported, Job<string>>>();
  const given = await queue.put(
    map((from) => orders.slice(from), shop.discounted.with(2), { postprocess: shop.reportWith.with('March', 2) }),
  );
  holds<Same<typeof given, Job<Titled>>>();
  const mixed = await queue.put(map([1, 2], (id) => (id > 1 ? shop.fetched(id) : shop.total({ id }))));
  holds<Same<typeof mixed, Job<CompletedItems<Order | number>>>>();
  const optioned = await queue.put(map([1, 2], shop.fetched.withOptions({ quotas: ['web'] }), { concurrency: 2 }));
  holds<Same<typeof optioned, Job<CompletedItems<Order>>>>();
  // @ts-expect-error: the function must return a job
  map(orders, (order) => order.id);
  // @ts-expect-error: `total` takes orders, but the items are numbers
  map([1], shop.total);
  // @ts-expect-error: the jobs return orders, but the postprocess takes numbers
  map([1], shop.fetched, { postprocess: shop.report });
  // @ts-expect-error: `sumUp` takes completed jobs, not completed items
  map(orders, shop.total, { postprocess: shop.sumUp });
}

/**
 * Without the type of the module, the compiler's error names the missing type: the type of `add` is
 * that message.
 */
export async function missingTypeIsNamed(callsheet: Runtime): Promise<void> {
  const untyped = defineJobs('shop', new URL('./jobs.js', import.meta.url), { setUp: 'prepare' });
  type Hint = NoType<"defineJobs needs the module's type: defineJobs<typeof import('./module.js')>(…)">;
  holds<Same<(typeof untyped)['add'], Hint>>();
  // @ts-expect-error: `add` cannot be called
  untyped.add(1);
  // @ts-expect-error: `add` cannot be put
  await callsheet.queue().put(untyped.add);
  await open({ jobs: [untyped] });
  const modules: readonly JobModule[] = [shop];
  const declared: JobModule<typeof import('./jobs.js')> = defineJobs('shop', new URL('./jobs.js', import.meta.url));
  await open({ jobs: [...modules, declared] });
  declared.nothing();
}

export function compositionsAreChecked(): void {
  const totals = [shop.total({ id: 1 })];
  // @ts-expect-error: `sumUp` takes completed numbers, not orders
  parallel([shop.fetched(1)], { postprocess: shop.sumUp });
  // @ts-expect-error: `total` takes an order, not completed parts
  parallel(totals, { postprocess: shop.total });
  // @ts-expect-error: the arguments before the parts are missing
  parallel(totals, { postprocess: shop.sumUpWith });
  // @ts-expect-error: an argument before the parts is of another type
  parallel(totals, { postprocess: shop.sumUpWith.with(1, 2) });
  // @ts-expect-error: a called function is a job, not a postprocess
  parallel(totals, { postprocess: shop.nothing() });
  // @ts-expect-error: a plain function is no callable
  parallel(totals, { postprocess: () => 3 });
  // @ts-expect-error: one job is no list of jobs
  serial(shop.nothing());
}

export async function optionsAreChecked(): Promise<void> {
  await open({ jobs: [shop], directory: new URL('file:///tmp/x'), threads: 2, durability: 'process' });
  // @ts-expect-error: `jobs` is missing
  await open({ directory: './x' });
  // @ts-expect-error: no such durability
  await open({ jobs: [shop], durability: 'paranoid' });
  // @ts-expect-error: no such option
  await open({ jobs: [shop], workers: 2 });
  const options: OpenOptions = { jobs: [] };
  // @ts-expect-error: options are read-only
  options.threads = 2;
}
