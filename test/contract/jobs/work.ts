/**
 * The jobs of the contract's tests. They run in the thread of the test, which looks at `seen` and
 * opens gates; on real threads, only those are used that do neither.
 */
import { readFile } from 'node:fs/promises';
import { type CompletedItems, type CompletedJobs, currentJob, type JobReference } from 'callsheet';

/** What ran, in order. */
export const seen: string[] = [];
/** Who is running now, and the most that ever ran at a time, by name. */
export const now = { running: 0, most: 0 };

const gates = new Map<string, { opened: Promise<void>; open(): void }>();

/** Jobs that wait at this gate go on. */
export function openGate(name: string): void {
  gateNamed(name).open();
}

/** Nothing was seen, and all gates are shut. */
export function forget(): void {
  seen.length = 0;
  gates.clear();
  now.running = 0;
  now.most = 0;
}

function gateNamed(name: string) {
  let gate = gates.get(name);
  if (gate === undefined) {
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    gate = { opened, open };
    gates.set(name, gate);
  }
  return gate;
}

export const add = (a: number, b: number): number => a + b;
export const echo = <T>(value: T): T => value;

/** Leaves its name. */
export function mark(name: string): string {
  seen.push(name);
  return name;
}

/** Leaves its name, and ends when its gate is opened, or when it is to stop. */
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

/** The same, and does not hear that it is to stop. */
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

/** Fails until its attempt is this one. */
export function failUntil(attempt: number): number {
  seen.push(`attempt ${currentJob().attempt}`);
  if (currentJob().attempt < attempt) throw new OrderError(`attempt ${currentJob().attempt}`);
  return currentJob().attempt;
}

/** An outcome, as a callback is given it. */
export function tell(who: string, outcome: unknown): string {
  const failure = outcome as { name?: string; message?: string } | null;
  const told = typeof failure === 'object' && failure?.name !== undefined ? failure.name : String(outcome);
  seen.push(`${who}: ${told}`);
  return `${who}: ${told}`;
}

/** The parts as texts, failures by name. */
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

/** What a map came to. */
export async function collect<T>(items: CompletedItems<T>): Promise<T[]> {
  seen.push('postprocess');
  const all: T[] = [];
  for await (const { result } of items) all.push(result);
  return all;
}

/**
 * What the parts' texts begin with: how many there are, the first, the last, one in the middle, and
 * how many numbers from both ends.
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

/** Fails the first time; holds after that. */
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

/** Holds at the gate of its name; then it is 1. */
export async function holdOne(name: string): Promise<number> {
  await hold(name);
  return 1;
}

/** What a view, or a buffer, shows. */
export const bytesOf = (given: ArrayBufferView | ArrayBuffer): number[] =>
  Array.from(
    ArrayBuffer.isView(given)
      ? new Uint8Array(given.buffer, given.byteOffset, given.byteLength)
      : new Uint8Array(given),
  );

export const kindsOf = (...given: object[]): string[] => given.map((one) => one.constructor.name);

/** Writes where others look. */
export function fill(shared: SharedArrayBuffer | Uint8Array, value: number): void {
  (shared instanceof SharedArrayBuffer ? new Uint8Array(shared) : shared).fill(value);
}

export async function holdBuffer(name: string, buffer: ArrayBuffer): Promise<number> {
  await hold(name);
  return buffer.byteLength;
}

/** A text of so many characters. */
export const text = (length: number): string => 'x'.repeat(length);
