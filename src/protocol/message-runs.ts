/**
 * Batches of messages between clients and the coordinator.
 *
 * Nearly all messages are puts of plain jobs (a call without options, parts or callbacks) and
 * deliveries of outcomes. Runs of these are packed, record by record, into one message of the
 * batch. Reading the batch gives the single messages again:
 *
 *    puts     tag, queue, level, callables, bytes; for each job: request, id,
 *             number of its callable, size of its arguments plus one (0: none), arguments
 *    putMany  the jobs of one request: tag, request, queue, level, owner, callables,
 *             bytes; for each job as in `puts`, without its request
 *    deliver  tag, bytes; for each: request, kind, size of the payload, payload
 *
 * Numbers are varints. Payloads are copied out of the batch, so that one kept for long does not
 * keep the whole batch in memory.
 */

import { ByteReader, ByteWriter } from '../codec/bytes.js';
import { codeOf, type Level } from '../core/records.js';
import { outcomeForms } from './completed-list.js';
import type { ClientMessage, CoordinatorMessage, WireJob } from './messages.js';
import { packBatch, unpackBatch } from './packing.js';

type Put = Extract<ClientMessage, ['put', ...unknown[]]>;
type Delivery = Extract<CoordinatorMessage, ['deliver', ...unknown[]]>;

type PackedPuts = ['puts', queue: string, level: Level, callables: string[], bytes: Uint8Array];
type PackedMany = [
  'putMany',
  request: number,
  queue: string,
  level: Level,
  owner: string,
  callables: string[],
  bytes: Uint8Array,
];
type PackedDeliveries = ['deliver', bytes: Uint8Array];

const out = new ByteWriter();

export function packClientMessages(messages: readonly ClientMessage[]): Uint8Array {
  const packed: unknown[] = [];
  for (let at = 0; at < messages.length; ) {
    const message = messages[at]!;
    if (isPlainPut(message)) {
      const end = endOfRun(messages, at, message);
      packed.push(packPuts(messages.slice(at, end) as Put[]));
      at = end;
    } else {
      packed.push(packMany(message) ?? message);
      at++;
    }
  }
  return packBatch(packed);
}

export function unpackClientMessages(bytes: Uint8Array): ClientMessage[] {
  const messages: ClientMessage[] = [];
  for (const message of unpackBatch<ClientMessage | PackedPuts | PackedMany>(bytes)) {
    if (message[0] === 'puts') unpackPuts(message, messages);
    else if (message[0] === 'putMany') messages.push(unpackMany(message));
    else messages.push(message);
  }
  return messages;
}

export function packCoordinatorMessages(messages: readonly CoordinatorMessage[]): Uint8Array {
  const packed: unknown[] = [];
  for (let at = 0; at < messages.length; ) {
    const message = messages[at]!;
    if (message[0] !== 'deliver') {
      packed.push(message);
      at++;
      continue;
    }
    out.clear();
    for (let next = messages[at]; next?.[0] === 'deliver'; next = messages[++at]) {
      const [, request, kind, payload] = next;
      out.varint(request);
      out.u8(codeOf(outcomeForms, kind));
      out.varint(payload.byteLength);
      out.raw(payload);
    }
    packed.push(['deliver', out.copy()] satisfies PackedDeliveries);
  }
  return packBatch(packed);
}

export function unpackCoordinatorMessages(bytes: Uint8Array): CoordinatorMessage[] {
  const messages: CoordinatorMessage[] = [];
  for (const message of unpackBatch<Exclude<CoordinatorMessage, Delivery> | PackedDeliveries>(bytes)) {
    if (message[0] !== 'deliver') {
      messages.push(message);
      continue;
    }
    const input = new ByteReader(message[1]);
    while (input.left > 0) {
      const request = input.varint();
      const kind = outcomeForms[input.u8()] as Delivery[2];
      messages.push(['deliver', request, kind, input.copied(input.varint())]);
    }
  }
  return messages;
}

/**
 * `true` for a call without options, parts or callbacks. Nothing of its own can make its put fail.
 */
export function isPlain(job: WireJob): boolean {
  const [, form, , , options, parts, callbacks, role] = job;
  return form === 'call' && options === null && parts.length === 0 && callbacks.length === 0 && role === undefined;
}

function isPlainPut(message: ClientMessage): message is Put {
  return message[0] === 'put' && isPlain(message[4]);
}

/**
 * Index after the run of plain puts starting at `from`, into the same queue and at the same level.
 */
function endOfRun(messages: readonly ClientMessage[], from: number, [, , queue, level]: Put): number {
  let at = from + 1;
  for (; at < messages.length; at++) {
    const next = messages[at]!;
    if (!isPlainPut(next) || next[2] !== queue || next[3] !== level) break;
  }
  return at;
}

function packPuts(puts: readonly Put[]): PackedPuts {
  const [, , queue, level] = puts[0]!;
  const callables: string[] = [];
  out.clear();
  for (const [, request, , , job] of puts) {
    out.varint(request);
    writePlain(job, callables);
  }
  return ['puts', queue, level, callables, out.copy()];
}

function unpackPuts([, queue, level, callables, bytes]: PackedPuts, messages: ClientMessage[]): void {
  const input = new ByteReader(bytes);
  while (input.left > 0) messages.push(['put', input.varint(), queue, level, readPlain(input, callables)]);
}

/** Packs a put of many plain jobs; `undefined` for any other message. */
function packMany(message: ClientMessage): PackedMany | undefined {
  if (message[0] !== 'do' || message[3].type !== 'put' || !message[3].jobs.every(isPlain)) return undefined;
  const [, request, , { queue, level, owner, jobs }] = message;
  const callables: string[] = [];
  out.clear();
  for (const job of jobs) writePlain(job, callables);
  return ['putMany', request, queue, level, owner, callables, out.copy()];
}

function unpackMany([, request, queue, level, owner, callables, bytes]: PackedMany): ClientMessage {
  const input = new ByteReader(bytes);
  const jobs: WireJob[] = [];
  while (input.left > 0) jobs.push(readPlain(input, callables));
  return ['do', request, level, { type: 'put', queue, owner, level, jobs }];
}

function writePlain([id, , callable, args]: WireJob, callables: string[]): void {
  let number = callables.lastIndexOf(callable);
  if (number < 0) number = callables.push(callable) - 1;
  out.id(id);
  out.varint(number);
  out.varint(args === null ? 0 : args.byteLength + 1);
  if (args !== null) out.raw(args);
}

function readPlain(input: ByteReader, callables: readonly string[]): WireJob {
  const id = input.id();
  const callable = callables[input.varint()]!;
  const size = input.varint();
  return [id, 'call', callable, size === 0 ? null : input.copied(size - 1), null, none, none];
}

const none: never[] = [];
