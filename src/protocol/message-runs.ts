/**
 * Batches of messages between clients and the coordinator.
 *
 * Nearly all messages put plain jobs (a call without options, parts or callbacks) or deliver
 * outcomes. These are packed record by record within their message:
 *
 *    plainPuts  `puts` of plain jobs: tag, first request, queue, level, callables, bytes;
 *               for each job: id, number of its callable, size of its arguments plus one
 *               (0: none), arguments
 *    plainPut   `do` of a put of plain jobs: tag, request, queue, level, callables, bytes as above
 *    deliver    tag, bytes; for each: request, kind, size of the payload, payload
 *
 * Numbers are varints. Payloads are copied out of the batch, so that one kept for long does not
 * keep the whole batch in memory. `plainPuts` stay packed until they become a command, so that no
 * job of theirs is an object more than once.
 */

import { ByteReader, ByteWriter, mostCopied } from '../codec/bytes.js';
import { codeOf, type Id, type Level } from '../core/records.js';
import { type EncodedOutcome, type OutcomeForm, outcomeForms } from './completed-list.js';
import type { ClientMessage, CoordinatorMessage, WireJob } from './messages.js';
import { packBatch, unpackBatch } from './packing.js';

export type Puts = Extract<ClientMessage, ['puts', ...unknown[]]>;
type Delivery = Extract<CoordinatorMessage, ['deliver', ...unknown[]]>;

type Packed<Tag> = [tag: Tag, request: number, queue: string, level: Level, callables: string[], bytes: Uint8Array];
export type PackedPuts = Packed<'plainPuts'>;
type PackedJobs = PackedPuts | Packed<'plainPut'>;
/** A message of a client as it is received. */
export type ReceivedMessage = ClientMessage | PackedPuts;
type PackedDelivery = ['deliver', bytes: Uint8Array];

const out = new ByteWriter();

export function packClientMessages(messages: readonly ClientMessage[]): Uint8Array {
  return packBatch(messages.map((message) => packJobs(message) ?? message));
}

export function unpackClientMessages(bytes: Uint8Array): ReceivedMessage[] {
  return unpackBatch<ClientMessage | PackedJobs>(bytes).map((message) => {
    if (message[0] !== 'plainPut') return message;
    const [, request, queue, level, callables, packed] = message;
    return ['do', request, level, { type: 'put', queue, jobs: readJobs(packed, callables) }];
  });
}

/** Unpacks plain puts, too. */
export function unpackPuts(message: ReceivedMessage): ClientMessage {
  if (message[0] !== 'plainPuts') return message;
  const [, first, queue, level, callables, packed] = message;
  return ['puts', first, queue, level, readJobs(packed, callables)];
}

export function packCoordinatorMessages(messages: readonly CoordinatorMessage[]): Uint8Array {
  return packBatch(messages.map((message) => (message[0] === 'deliver' ? packDelivery(message) : message)));
}

function packDelivery([tag, requests, outcomes]: Delivery): PackedDelivery {
  out.clear();
  for (let index = 0; index < requests.length; index++) {
    const { kind, payload } = outcomes[index]!;
    out.varint(requests[index]!);
    out.u8(codeOf(outcomeForms, kind));
    out.varint(payload.byteLength);
    out.raw(payload);
  }
  return [tag, out.copy()];
}

export function unpackCoordinatorMessages(bytes: Uint8Array): CoordinatorMessage[] {
  const messages: CoordinatorMessage[] = [];
  for (const message of unpackBatch<Exclude<CoordinatorMessage, Delivery> | PackedDelivery>(bytes)) {
    if (message[0] !== 'deliver') {
      messages.push(message);
      continue;
    }
    const input = new ByteReader(message[1]);
    while (input.left > 0) messages.push(readDelivery(input));
  }
  return messages;
}

/** Reads as many outcomes as a client takes at once. */
function readDelivery(input: ByteReader): Delivery {
  const requests: number[] = [];
  const outcomes: EncodedOutcome[] = [];
  while (input.left > 0 && requests.length < longestRun) {
    requests.push(input.varint());
    const kind = outcomeForms[input.u8()] as OutcomeForm;
    const size = input.varint();
    // A large one is most of its message.
    outcomes.push({ kind, payload: size > mostCopied ? input.bytes(size) : input.copied(size) });
  }
  return ['deliver', requests, outcomes];
}

/**
 * `true` for a call without options, parts or callbacks. Nothing of its own can make its put fail.
 */
function isPlain(job: WireJob): boolean {
  const [, form, , args, options, parts, callbacks, role] = job;
  // It would be copied twice more.
  if (args !== null && args.byteLength > mostCopied) return false;
  return form === 'call' && options === null && parts.length === 0 && callbacks.length === 0 && role === undefined;
}

/** At most this many puts are sent and decided, and outcomes received, as one. */
const longestRun = 64;

/**
 * Whether a put can join this message, to be decided with it: all are plain, so that all are stored
 * or none.
 */
export function canJoin(message: ClientMessage | undefined, put: Puts): message is Puts {
  if (message?.[0] !== 'puts') return false;
  const [, first, queue, level, jobs] = message;
  const isNext = put[1] === first + jobs.length && put[2] === queue && put[3] === level;
  return isNext && jobs.length < longestRun && isPlain(jobs[0]!) && isPlain(put[4][0]!);
}

/** The jobs of a put in packed form; undefined for any other message. */
function packJobs(message: ClientMessage): PackedJobs | undefined {
  if (message[0] === 'puts') {
    const [, first, queue, level, jobs, again] = message;
    return again !== true && jobs.every(isPlain) ? ['plainPuts', first, queue, level, ...writeJobs(jobs)] : undefined;
  }
  if (message[0] !== 'do' || message[3].type !== 'put') return undefined;
  if (message[3].again || !message[3].jobs.every(isPlain)) return undefined;
  const [, request, level, { queue, jobs }] = message;
  return ['plainPut', request, queue, level, ...writeJobs(jobs)];
}

function writeJobs(jobs: readonly WireJob[]): [callables: string[], bytes: Uint8Array] {
  const callables: string[] = [];
  out.clear();
  for (const job of jobs) writePlain(job, callables);
  return [callables, out.copy()];
}

function readJobs(bytes: Uint8Array, callables: readonly string[]): WireJob[] {
  return readPlain(bytes, callables, (id, callable, args) => [id, 'call', callable, args, null, none, none]);
}

function writePlain([id, , callable, args]: WireJob, callables: string[]): void {
  let number = callables.lastIndexOf(callable);
  if (number < 0) number = callables.push(callable) - 1;
  out.id(id);
  out.varint(number);
  out.varint(args === null ? 0 : args.byteLength + 1);
  if (args !== null) out.raw(args);
}

/** Makes something of each packed plain job. */
export function readPlain<Job>(
  bytes: Uint8Array,
  callables: readonly string[],
  make: (id: Id, callable: string, args: Uint8Array | null) => Job,
): Job[] {
  const input = new ByteReader(bytes);
  const jobs: Job[] = [];
  while (input.left > 0) {
    const id = input.id();
    const callable = callables[input.varint()]!;
    const size = input.varint();
    jobs.push(make(id, callable, size === 0 ? null : input.copied(size - 1)));
  }
  return jobs;
}

const none: never[] = [];
