/** One job in full. */
import { isDeepStrictEqual } from 'node:util';
import type { Failure } from '../../codec/failure.js';
import { frameOf } from '../../codec/frame.js';
import type { Explanation } from '../../protocol/explanation.js';
import type { Progress } from '../../protocol/progress.js';
import type { FullJob, LoggedLine } from '../../runtime/monitor.js';
import { exactly } from '../exact-name.js';
import { HttpError } from '../http-error.js';
import type { ShownJob } from '../options.js';
import { mostShownBytes } from '../shown.js';
import { type Strip, stripOf } from './strip.js';
import type { Sections, ViewContext } from './view.js';

export interface ShownFailure {
  /** The stack, followed by those of the causes. */
  readonly text: string;
  readonly name: string;
  readonly message: string;
  readonly causes: readonly { readonly name: string; readonly message: string }[];
  /** The place at which it was thrown; `undefined` if it has none. */
  readonly frame: string | undefined;
  /** The remembered jobs of the callable that failed at that place, or with that error. */
  readonly alike: number;
}

/** A value of the job: as JSON, or the reason why it is not shown. */
export type ShownValue = { readonly value: unknown } | { readonly hidden: string } | undefined;

export interface JobSections {
  readonly job: Omit<FullJob, 'annotations' | 'arguments' | 'result' | 'failure' | 'log'>;
  readonly explanation: Explanation;
  readonly arguments: ShownValue;
  /** `true` if JSON shows all of the arguments, so that they can be written anew from it. */
  readonly areArgumentsJson: boolean;
  readonly result: ShownValue;
  readonly failure: ShownFailure | undefined;
  readonly progress: Progress | undefined;
  readonly annotations: Readonly<Record<string, ShownValue>>;
  readonly strip: Strip | undefined;
  /** The fields of a line as `show` allows. */
  readonly log: readonly LoggedLine[];
}

/** Annotations come together, and are at most 256 KiB. */
const unknownBytes = 1;
const mostText = 50_000;
const redacted = 'redacted: the option show decides';

export async function job(context: ViewContext, query: URLSearchParams): Promise<Sections> {
  const id = query.get('id');
  if (id === null) throw new HttpError(400, 'BAD_PARAMETER', 'id must be the id of a job');
  const { callsheet } = context;
  const { monitor } = callsheet;
  const [found, explanation] = await Promise.all([monitor.job(id, { log: true }), monitor.explain(id)]);
  const { annotations, log = [], ...full } = found;
  const { callable, queue, parts } = full.details;
  const shownJob = { id: full.id, callable, queue };
  const value = async (path: string, bytes: number, read: () => unknown): Promise<ShownValue> => {
    if (bytes === 0) return undefined;
    if (context.shown.isNothing) return { hidden: redacted };
    if (bytes > mostShownBytes) return { hidden: `too large to be shown: the most are ${mostShownBytes} bytes` };
    try {
      return { value: context.shown.valueOf(shownJob, path, await read()) };
    } catch (error) {
      // The value is damaged, its buffers were moved, or `show` failed.
      return { hidden: (error as Error).message };
    }
  };
  const handle = callsheet.job(id);
  let areArgumentsJson = false;
  const readArguments = async () => {
    const given = await handle.arguments();
    areArgumentsJson = isDeepStrictEqual(given, context.shown.valueOf(shownJob, 'arguments', given));
    return given;
  };
  const isOver = full.outcome !== 'none';
  const [args, result, failure, progress, strip] = await Promise.all([
    value('arguments', full.argumentBytes, readArguments),
    full.outcome === 'value' ? value('result', full.resultBytes, () => handle.result()) : undefined,
    full.outcome === 'failure' ? failureOf(context, id, full.resultBytes, callable) : undefined,
    isOver ? undefined : handle.progress(),
    parts > 0 ? stripOf(context, full.id, full.details) : undefined,
  ]);
  const notes: Record<string, ShownValue> = {};
  for (const [name, note] of Object.entries(annotations))
    notes[name] = await value(`annotations.${name}`, unknownBytes, () => note);
  const { asOf: _, ...explained } = explanation;
  const { asOf: __, ...stable } = full;
  return {
    job: stable,
    explanation: explained,
    arguments: args,
    areArgumentsJson,
    result,
    failure,
    progress,
    annotations: notes,
    strip,
    log: log.map((line) => ({
      ...line,
      message: line.message.slice(0, mostText),
      fields: shownFields(context, shownJob, line.fields),
    })),
  } as unknown as JobSections & Sections;
}

/** A rule of `show` that fails hides the fields of a line. */
function shownFields({ shown }: ViewContext, job: ShownJob, fields: LoggedLine['fields']): LoggedLine['fields'] {
  try {
    return shown.valueOf(job, 'log', fields) as LoggedLine['fields'];
  } catch (error) {
    return { hidden: (error as Error).message };
  }
}

async function failureOf(
  { callsheet, memo }: ViewContext,
  id: string,
  bytes: number,
  callable: string,
): Promise<ShownFailure> {
  if (bytes > 4 * mostShownBytes)
    return {
      text: `The failure has ${bytes} bytes.`,
      name: 'Error',
      message: 'too large to be shown',
      causes: [],
      frame: undefined,
      alike: 0,
    };
  const { text, failure, causes } = await callsheet.monitor.traceback(id);
  const frame = frameOf(failure.stack ?? '');
  const error = frame ?? failure.name;
  const { groups } = await memo.get(`alike ${error} ${callable}`, 5000, () =>
    callsheet.monitor.failures({ by: [], filter: { callable: exactly(callable), error } }),
  );
  const alike = groups[0]?.count ?? 0;
  return { text: text.slice(0, mostText), ...said(failure), causes: causes.map(said), frame, alike };
}

const said = ({ name, message }: Failure) => ({ name, message: message.slice(0, mostText) });
