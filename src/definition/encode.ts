/** Makes messages of jobs: checks options, looks callables up in this build, encodes arguments. */

import { idFromBytes, newId } from '../codec/id.js';
import { encodeArguments, encodePayload } from '../codec/payload.js';
import type { HandedBuffer, HandedBuffers } from '../codec/transfer.js';
import type { JobOptions as CoreOptions } from '../core/commands.js';
import { deepestJob } from '../core/limits.js';
import type { Id } from '../core/records.js';
import { invalidOption } from '../errors.js';
import { checkKnown, checkPolicyKnown, type KnownModules } from '../protocol/known-functions.js';
import type { WireJob } from '../protocol/messages.js';
import { type StoredTrace, traceOfPart, withTrace } from '../protocol/stored-call.js';
import { isCallable } from './callable.js';
import type { CallbackSides } from './callbacks.js';
import type { Composition } from './compose.js';
import { JobCall } from './job-call.js';
import type { Mapping } from './map.js';
import { coreOptions } from './options.js';
import { retryNever } from './retry-policies.js';

/** The surroundings of an encoding. */
export interface EncodeContext {
  /** The exports of each registered module. */
  readonly modules: KnownModules;
  readonly now: number;
  /** See `OpenOptions`. */
  readonly payloadLimitBytes: number;
  /** Returns the id of the job if the value is its handle. */
  readonly reference: (value: object) => Uint8Array | undefined;
  /** Takes buffers that are moved to a job or shared with it. Undefined if jobs cannot have any. */
  readonly handed?: HandedBuffers | undefined;
  /** Stored with the job and its callbacks. Undefined unless the puts are traced. */
  readonly trace?: StoredTrace | undefined;
}

/** Options that belong to the put, so no part, item or callback may have them. */
const onlyPut = ['held', 'unique', 'replace'] as const;

/**
 * Encodes a job with its parts and callbacks.
 *
 * @param where The path to the job in errors. It ends in a dot unless it is empty.
 */
export function encodeJob(context: EncodeContext, job: JobCall | Composition, where: string, depth = 0): WireJob {
  if (depth > deepestJob)
    throw invalidOption('job', `must have parts and callbacks nested at most ${deepestJob} deep`, job, RangeError);
  const id = newId();
  const options = coreOptions(job.options, where, context.now);
  if (options?.policy !== undefined) checkPolicyKnown(context.modules, options.policy, `${where}retry.`);
  const callbacks = job.callbacks.map((sides, index) =>
    encodeCallback(context, sides, `${where}callbacks[${index}].`, depth + 1),
  );
  if (job instanceof JobCall) {
    const { args, refers } = encodeGiven(context, id, job, where);
    const asked = referring(begunOnce(context, id, options, where), refers);
    return [id, 'call', job.callable, args, asked, [], callbacks];
  }
  const { form, postprocess } = job;
  const { args, refers } = encodePostprocess(context, id, postprocess, where);
  const parts = job.parts.map((part, index) =>
    encodeMember(contextOfPart(context, index), part, `${where}parts[${index}].`, depth + 1),
  );
  const asked = referring(begunOnce(context, id, options, where), refers);
  return [id, form, postprocess?.callable ?? '', args, asked, parts, callbacks];
}

/** Encodes a map without items, which come later. */
export function encodeMapping(context: EncodeContext, mapping: Mapping): WireJob {
  const id = newId();
  const { postprocess } = mapping;
  const { args, refers } = encodePostprocess(context, id, postprocess, '');
  const callbacks = mapping.callbacks.map((sides, index) => encodeCallback(context, sides, `callbacks[${index}].`));
  const options = coreOptions(mapping.options, '', context.now);
  const asked = referring(begunOnce(context, id, options, ''), refers);
  return [id, 'map', postprocess?.callable ?? '', args, asked, [], callbacks];
}

/** Returns the context in which the part or item with this index is encoded. */
export function contextOfPart(context: EncodeContext, index: number): EncodeContext {
  return context.trace === undefined ? context : { ...context, trace: traceOfPart(context.trace, index) };
}

/** Encodes a part, an item or a callback: a job that is not put by itself. */
export function encodeMember(context: EncodeContext, job: JobCall | Composition, where: string, depth = 0): WireJob {
  for (const name of onlyPut) {
    if (job.options[name]) throw invalidOption(where + name, 'must be given to the job that is put', job.options[name]);
  }
  return encodeJob(context, job, where, depth);
}

/** Encodes a callback, or the choice between a pair of them. */
export function encodeCallback(context: EncodeContext, sides: CallbackSides, where: string, depth = 1): WireJob {
  if ('both' in sides) return encodeMember(context, callbackCall(sides.both, `${where}both`), `${where}both.`, depth);
  const side = (value: unknown, name: 'success' | 'failure', role: 'onSuccess' | 'onFailure'): WireJob[] => {
    if (value === undefined) return [];
    const [id, form, callable, args, options, parts, callbacks] = encodeMember(
      context,
      callbackCall(value, where + name),
      `${where}${name}.`,
      depth,
    );
    return [[id, form, callable, args, options, parts, callbacks, role]];
  };
  const parts = [...side(sides.success, 'success', 'onSuccess'), ...side(sides.failure, 'failure', 'onFailure')];
  return [newId(), 'choice', '', null, null, parts, []];
}

/** The encoded arguments of a job, and the ids of jobs that they refer to. */
interface Given {
  readonly args: Uint8Array | null;
  readonly refers: readonly Id[];
}

function encodePostprocess(
  context: EncodeContext,
  id: Id,
  postprocess: Composition['postprocess'] | Mapping['postprocess'],
  where: string,
): Given {
  if (postprocess === undefined) return { args: traced(context, null), refers: [] };
  return encodeGiven(context, id, { ...postprocess, args: postprocess.given }, `${where}postprocess.`);
}

/**
 * Notes the jobs that the arguments refer to. The put makes them as durable as this job, since
 * nothing durable may refer to a job that a crash loses.
 */
function referring(options: CoreOptions | null, refers: readonly Id[]): CoreOptions | null {
  return refers.length === 0 ? options : { ...options, refers };
}

function encodeGiven(
  context: EncodeContext,
  id: Id,
  { callable, args, capture }: Pick<JobCall, 'callable' | 'args' | 'capture'>,
  where: string,
): Given {
  const { modules, payloadLimitBytes: limitBytes, reference: idOf, handed, trace } = context;
  checkKnown(modules, callable, where);
  const refers: Id[] = [];
  const reference = (value: object) => {
    const bytes = idOf(value);
    if (bytes !== undefined) refers.push(idFromBytes(bytes));
    return bytes;
  };
  const handOver = handed === undefined ? undefined : (buffer: HandedBuffer) => handed.add(id, buffer);
  if (capture !== undefined) {
    const captured = { args, captured: capture(), ...(trace === undefined ? {} : { trace }) };
    const options = { root: `${where}call`, code: 'ARGUMENT_NOT_STORABLE', limitBytes, reference, handOver } as const;
    return { args: encodePayload(captured, options), refers };
  }
  if (args.length === 0) return { args: traced(context, null), refers };
  const list = encodeArguments(args, { root: `${where}arguments`, limitBytes, reference, handOver });
  return { args: traced(context, list), refers };
}

/** Adds the trace of the put to encoded arguments, if it has one. */
export function traced({ trace, payloadLimitBytes }: EncodeContext, args: Uint8Array | null): Uint8Array | null {
  return trace === undefined ? args : withTrace(args, trace, payloadLimitBytes);
}

/** A buffer moved to a job exists once, so the job may start at most once. */
function begunOnce({ handed }: EncodeContext, id: Id, options: CoreOptions | null, where: string): CoreOptions | null {
  if (!handed?.has(id)) return options;
  const { policy = retryNever, unique } = options ?? {};
  if (policy !== retryNever)
    throw invalidOption(`${where}retry`, 'must be retryNever for a job that buffers are moved to', policy);
  if (unique !== undefined)
    throw invalidOption(`${where}unique`, 'must not be given to a job that buffers are moved to', unique);
  return { ...options, policy };
}

/** Returns the call of a callback, without the outcome, which is appended later. */
function callbackCall(value: unknown, where: string): JobCall {
  if (value instanceof JobCall) return value;
  if (isCallable(value)) return new JobCall({ ...value, args: value.given });
  throw invalidOption(where, 'must be a function of a module from defineJobs(), uncalled', value);
}
