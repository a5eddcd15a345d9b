/**
 * The jobs of the contract's tests. They run in the thread of the test, which reads `seen` and
 * opens gates. Tests on real threads use only the jobs that need neither.
 */
import { readFile } from 'node:fs/promises';
import { type CompletedItems, type CompletedJobs, currentJob, type JobReference } from 'callsheet';

/** The names of the jobs that ran, in order. */
export const seen: string[] = [];
/** The number of holding jobs now, and the most at any time. */
export const now = { running: 0, most: 0 };

const gates = new Map<string, { opened: Promise<void>; isOpen: boolean; open(): void }>();

/** Lets the jobs that wait at this gate go on. */
export function openGate(name: string): void {
  gateNamed(name).open();
}

/** Clears `seen` and shuts all gates. */
export function forget(): void {
  seen.length = 0;
  gates.clear();
  now.running = 0;
  now.most = 0;
}

function gateNamed(name: string) {
  let gate = gates.get(name);
  if (gate === undefined) {
    let resolve = () => {};
    const opened = new Promise<void>((resolved) => {
      resolve = resolved;
    });
    const made = {
      opened,
      isOpen: false,
      open: () => {
        made.isOpen = true;
        resolve();
      },
    };
    gate = made;
    gates.set(name, made);
  }
  return gate;
}

export const add = (a: number, b: number): number => a + b;
export const echo = <T>(value: T): T => value;

/** Records its name. */
export function mark(name: string): string {
  seen.push(name);
  return name;
}

/** Records its name, and ends when its gate opens or its signal aborts. */
export async function hold(name: string): Promise<string> {
  seen.push(name);
  now.running++;
  now.most = Math.max(now.most, now.running);
  const { signal } = currentJob();
  const stopped = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  try {
    await Promise.race([gateNamed(name).opened, stopped]);
  } finally {
    now.running--;
  }
  return name;
}

/** Records its name, and ends when its gate opens; ignores its signal. */
export async function holdDeaf(name: string): Promise<string> {
  seen.push(name);
  await gateNamed(name).opened;
  return name;
}

export class OrderError extends RangeError {
  override name = 'OrderError';
  readonly code = 'E_ORDER';
  readonly order = { id: 7 };
}

export function fail(message: string): never {
  seen.push(`failing: ${message}`);
  throw new OrderError(message, { cause: new TypeError('the reason') });
}

export async function failLater(message: string): Promise<never> {
  await undefined;
  throw new OrderError(message);
}

/** Fails before its attempt with this number. */
export function failUntil(attempt: number): number {
  seen.push(`attempt ${currentJob().attempt}`);
  if (currentJob().attempt < attempt) throw new OrderError(`attempt ${currentJob().attempt}`);
  return currentJob().attempt;
}

/** Fails until the gate of its name is open. */
export function needGate(name: string): string {
  seen.push(name);
  if (!gateNamed(name).isOpen) throw new OrderError(name);
  return name;
}

/** A postprocess that fails while any part has failed. */
export function listAll(parts: CompletedJobs<string>): string[] {
  seen.push('postprocess');
  return Array.from(parts, ({ result }) => result);
}

/** A callback that records the outcome of its job. */
export function tell(who: string, outcome: unknown): string {
  const failure = outcome as { name?: string; message?: string } | null;
  const told = typeof failure === 'object' && failure?.name !== undefined ? failure.name : String(outcome);
  seen.push(`${who}: ${told}`);
  return `${who}: ${told}`;
}

/** Returns the parts as texts, failures by name. */
export function list(parts: CompletedJobs): string[] {
  seen.push('postprocess');
  return Array.from(parts, (part) => (part.failure === undefined ? String(part.result) : part.failure.name));
}

export const listAfter = (before: string, parts: CompletedJobs): string[] => [before, ...list(parts)];

export const gather = (parts: CompletedJobs<number>): number => {
  let sum = 0;
  for (const { result } of parts) sum += result;
  return sum;
};

/** Returns the results of a map's items. */
export async function collect<T>(items: CompletedItems<T>): Promise<T[]> {
  seen.push('postprocess');
  const all: T[] = [];
  for await (const { result } of items) all.push(result);
  return all;
}

/**
 * Returns facts about a long list of parts: their number, the first, the last, one in the middle,
 * and the count of numbers from both ends.
 */
export function heads(parts: CompletedJobs): unknown[] {
  const head = (index: number) => String(parts.at(index)!.result).split(' ')[0]!;
  let sum = 0;
  for (let index = 1; index <= parts.length; index++) sum += Number(head(-index)) + 1;
  return [Array.from(parts, ({ id }) => id).length, head(0), head(-1), head(parts.length / 2), sum];
}

export const nestedHeads = (parts: CompletedJobs<CompletedJobs>): unknown[] =>
  Array.from(parts, ({ result }) => heads(result));

export async function gatherWhenOpen(parts: CompletedJobs<number>): Promise<number> {
  await hold('postprocess');
  return gather(parts);
}

export const unstorable = () => ({ rows: [{ format: () => 'never stored' }] });
export const argumentsOf = (...args: unknown[]) => args;
export const idOf = (job: JobReference) => job.id;

export async function readOwnFile(): Promise<string> {
  return readFile(new URL(import.meta.url), 'utf8');
}

/** Fails at the first attempt, and holds at later ones. */
export async function failThenHold(name: string): Promise<string> {
  if (currentJob().attempt === 1) throw new OrderError('the first time');
  return hold(name);
}

export async function addWhenOpen(a: number, b: number): Promise<number> {
  await gateNamed('add').opened;
  return a + b;
}

export const idInside = ({ job }: { job: JobReference }) => mark(job.id);
export const idOfFirst = (parts: CompletedJobs<{ job: JobReference }>) => parts.at(0)!.result.job.id;

/** Holds at the gate of its name, and returns 1. */
export async function holdOne(name: string): Promise<number> {
  await hold(name);
  return 1;
}

/** Returns the bytes of a view or a buffer. */
export const bytesOf = (given: ArrayBufferView | ArrayBuffer): number[] =>
  Array.from(
    ArrayBuffer.isView(given)
      ? new Uint8Array(given.buffer, given.byteOffset, given.byteLength)
      : new Uint8Array(given),
  );

export const kindsOf = (...given: object[]): string[] => given.map((one) => one.constructor.name);

/** Writes to memory that other threads read. */
export function fill(shared: SharedArrayBuffer | Uint8Array, value: number): void {
  (shared instanceof SharedArrayBuffer ? new Uint8Array(shared) : shared).fill(value);
}

export async function holdBuffer(name: string, buffer: ArrayBuffer): Promise<number> {
  await hold(name);
  return buffer.byteLength;
}

/** Returns a text of `length` characters. */
export const text = (length: number): string => 'x'.repeat(length);
