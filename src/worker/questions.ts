/**
 * Asks a filter, chooser or retry policy and encodes its answer. If the function returns at all, an
 * answer is sent, whatever the function does.
 */
import { types } from 'node:util';
import { decodeFailure, failureFrom } from '../codec/failure.js';
import { decodePayload, encodePayload } from '../codec/payload.js';
import type { PolicyAnswer } from '../core/commands.js';
import type { ChooserQuestion } from '../definition/filters.js';
import { checkOptions } from '../definition/known-options.js';
import type { RetryAnswer, RetryQuestion } from '../definition/own-policies.js';
import { AskedJob } from '../protocol/asked-job.js';
import type { ModuleSetup } from '../protocol/dispatch.js';
import type { Answer, Question, Verdict } from '../protocol/questions.js';
import { findFunction } from './modules.js';

type Handler = (...args: unknown[]) => unknown;
type Of<Type extends Question['type']> = Extract<Question, { type: Type }>;

/**
 * Milliseconds after which a filter's verdicts are returned; the remaining jobs are asked about in
 * the next question.
 */
const filterMs = 500;
/** The data that a policy keeps is stored in its job's record, so it must be small. */
const dataLimit = { limitBytes: 2048, limitName: 'the most that a retry policy may keep' };

/**
 * Answers a question. `begins` is called once the function is imported: its time counts from then.
 */
export async function answer(
  modules: Readonly<Record<string, ModuleSetup>>,
  question: Question,
  begins: () => void = () => {},
): Promise<Answer> {
  try {
    const handler = await findFunction(modules, question.callable);
    begins();
    return await asked(handler, question);
  } catch (error) {
    return { type: 'none', problem: textOf(error) };
  }
}

function asked(handler: Handler, question: Question): Promise<Answer> {
  switch (question.type) {
    case 'policy':
      return askPolicy(handler, question);
    case 'filter':
      return askFilter(handler, question);
    case 'chooser':
      return askChooser(handler, question);
  }
}

/** Asks about each job separately: an error concerns its own job only. */
async function askFilter(handler: Handler, { jobs }: Of<'filter'>): Promise<Answer> {
  const verdicts: Verdict[] = [];
  let problem = '';
  const end = performance.now() + filterMs;
  for (const job of jobs) {
    try {
      const said = handler(new AskedJob(job));
      const takes = types.isPromise(said) ? await said : said;
      if (typeof takes !== 'boolean') throw new TypeError(`a filter must return true or false, got ${describe(takes)}`);
      verdicts.push(takes ? '+' : '-');
    } catch (error) {
      verdicts.push('!');
      problem = textOf(error);
    }
    if (performance.now() > end) break;
  }
  return { type: 'filter', verdicts, problem };
}

async function askChooser(handler: Handler, { agent, size, waiting, running }: Of<'chooser'>): Promise<Answer> {
  const jobs = waiting.map((job) => new AskedJob(job));
  const asked: ChooserQuestion = {
    agent: { name: agent, size },
    waiting: jobs,
    running: running.map((job) => new AskedJob(job)),
  };
  const said = await handler(asked);
  if (!Array.isArray(said)) throw new TypeError(`a chooser must return a list of waiting jobs, got ${describe(said)}`);
  const chosen = said.map((one) => {
    const index = jobs.findIndex(({ id }) => id === (typeof one === 'string' ? one : one?.id));
    if (index < 0) throw new TypeError(`a chooser must return waiting jobs or their ids, got ${describe(one)}`);
    return waiting[index]!.id;
  });
  return { type: 'chooser', chosen };
}

async function askPolicy(handler: Handler, { job, question, failure, data }: Of<'policy'>): Promise<Answer> {
  const about = {
    job: new AskedJob(job),
    failure: decodeFailure(failure),
    data: data === null ? undefined : decodePayload(data),
  };
  const isError = question === 'jobError' || question === 'commitError';
  const asked: RetryQuestion = isError
    ? { ...about, kind: question }
    : { ...about, kind: 'interrupted', cause: question };
  const said = await handler(asked);
  const kept = keptData(said);
  return { type: 'policy', answer: policyAnswer(said), ...(kept === undefined ? {} : { data: kept }) };
}

function policyAnswer(said: unknown): PolicyAnswer {
  if (typeof said === 'boolean') return { type: said ? 'now' : 'no' };
  if (typeof said !== 'object' || said === null || !('retry' in said) || typeof said.retry !== 'boolean')
    throw new TypeError(`a policy must return true, false or { retry, … }, got ${describe(said)}`);
  checkOptions('answer', said as Exclude<RetryAnswer, boolean>, { retry: true, afterMs: true, at: true, data: true });
  const { retry, afterMs, at } = said as { retry: boolean; afterMs?: unknown; at?: unknown };
  if (!retry) return { type: 'no' };
  if (afterMs !== undefined && at !== undefined) throw new TypeError('a policy must return afterMs or at, not both');
  if (at !== undefined) {
    if (!types.isDate(at) || Number.isNaN(at.getTime()))
      throw new TypeError(`at must be a valid Date, got ${describe(at)}`);
    return { type: 'at', at: at.getTime() };
  }
  if (afterMs === undefined) return { type: 'now' };
  if (typeof afterMs !== 'number' || !(afterMs >= 0) || afterMs > Number.MAX_SAFE_INTEGER / 4)
    throw new RangeError(`afterMs must be a number of milliseconds from 0, got ${describe(afterMs)}`);
  return { type: 'after', ms: afterMs };
}

function keptData(said: unknown): Uint8Array | undefined {
  const data = typeof said === 'object' && said !== null && 'data' in said ? said.data : undefined;
  if (data === undefined) return undefined;
  return encodePayload(data, { root: 'data', code: 'RESULT_NOT_STORABLE', ...dataLimit });
}

function describe(value: unknown): string {
  return typeof value === 'object' && value !== null ? 'an object of another form' : String(value);
}

/** A function can throw anything, even an object that throws when it is read. */
function textOf(error: unknown): string {
  const { name, message } = failureFrom(error);
  return `${name}: ${message}`;
}
