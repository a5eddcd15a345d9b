/** Makes the core's commands of commands as they are sent. */
import type { Command, InnerCommand, JobSpec } from '../core/commands.js';
import type { Id, Level, Payload } from '../core/records.js';
import { type PackedPuts, readPlain } from './message-runs.js';
import type { WireChange, WireCommand, WireJob, WireRetry } from './messages.js';

const noOptions = {};
const none: readonly never[] = [];

export type Put = Extract<Command, { type: 'put' }>;

/** The fields of a command that its receiver adds. */
export interface Received {
  /** The owner of the jobs that are put. */
  readonly owner: Id;
  /** The level of the jobs that are put. */
  readonly level: Level;
  /** Makes a payload of the store from bytes. */
  readonly payload: (bytes: Uint8Array) => Payload;
}

/** The command of puts that are still packed. */
export function commandFromPacked(
  [, , queue, level, callables, bytes]: PackedPuts,
  { owner, payload }: Omit<Received, 'level'>,
): Put {
  const jobs = readPlain(bytes, callables, (id, callable, args) => ({
    id,
    form: 'call' as const,
    callable,
    args: args === null ? null : payload(args),
    options: noOptions,
    parts: none,
    callbacks: none,
  }));
  return { type: 'put', queue, jobs, owner, level };
}

export function commandFromWire(wire: Exclude<WireCommand, WireRetry | WireChange>, received: Received): Command {
  const { owner, level, payload } = received;
  const spec = ([id, form, callable, args, options, parts, callbacks, role]: WireJob): JobSpec => {
    const plain = {
      id,
      form,
      callable,
      args: args === null ? null : payload(args),
      options: options ?? noOptions,
      parts: parts.length === 0 ? none : parts.map(spec),
      callbacks: callbacks.length === 0 ? none : callbacks.map(spec),
    };
    return role === undefined ? plain : { ...plain, role };
  };
  switch (wire.type) {
    case 'all':
      return { type: 'all', commands: wire.commands.map((inner) => commandFromWire(inner, received) as InnerCommand) };
    case 'put':
      return { ...wire, owner, level, jobs: wire.jobs.map(spec) };
    case 'addCallbacks':
      return { ...wire, callbacks: wire.callbacks.map(spec) };
    case 'addParts':
      return { ...wire, parts: wire.parts.map(spec) };
    case 'feed':
      return { ...wire, parts: wire.parts.map(spec) };
    case 'endInput':
      return { ...wire, failure: wire.failure === null ? null : payload(wire.failure) };
    case 'fail':
      return { ...wire, failure: payload(wire.failure) };
    case 'annotate':
      return { ...wire, value: wire.value === null ? null : payload(wire.value) };
    default:
      return wire;
  }
}
