/** `callsheet events`: follows what happens. */
import { nameMatcher } from '../../protocol/name-pattern.js';
import type { CallsheetEvent } from '../../runtime/events.js';
import { exitCodes } from '../exit.js';
import type { Output } from '../output.js';
import type { Session } from '../session.js';
import { callableName, plain, queueName } from '../words.js';

export interface EventsOptions {
  /** Patterns of names. An event without such a name does not fit. */
  readonly queue?: readonly string[];
  readonly callable?: readonly string[];
  readonly type?: readonly string[];
  /** The number of events after which it ends. */
  readonly limit?: number;
}

export async function events({ callsheet, out }: Session, { limit, ...filter }: EventsOptions): Promise<number> {
  const isAsked = matcher(filter);
  const stream = callsheet.events();
  let left = limit ?? Number.POSITIVE_INFINITY;
  const stop = () => void stream.return();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  out.onBroken = stop;
  try {
    for await (const event of stream) {
      if (!isAsked(event)) continue;
      if (out.isJson) out.json(event);
      else out.line(lineOf(event, out));
      await out.flush();
      if (--left === 0) break;
    }
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
  return exitCodes.done;
}

/** Events that are missing may have fitted. */
function matcher({ queue, callable, type }: Omit<EventsOptions, 'limit'>): (event: CallsheetEvent) => boolean {
  const fits = [
    [queue, (event: CallsheetEvent) => ('queue' in event ? event.queue : undefined)],
    [callable, (event: CallsheetEvent) => ('callable' in event ? event.callable : undefined)],
    [type, (event: CallsheetEvent) => event.type],
  ] as const;
  const tests = fits
    .filter(([names]) => names !== undefined)
    .map(([names, nameIn]) => {
      const isAsked = nameMatcher(names);
      return (event: CallsheetEvent) => {
        const name = nameIn(event);
        return name !== undefined && isAsked(name);
      };
    });
  return (event) => event.type === 'dropped' || tests.every((test) => test(event));
}

function lineOf(event: CallsheetEvent, out: Output): string {
  if (event.type === 'dropped')
    return event.count === 0 ? 'events are missing: the connection was lost' : `${event.count} events were dropped`;
  const at = event.at.toISOString();
  if ('job' in event) {
    const type = event.type === 'job.failed' ? out.style('red', event.type.padEnd(15)) : event.type.padEnd(15);
    const { interruption, attempts } = event;
    const why = interruption === undefined ? '' : `  ${plain(JSON.stringify(interruption))}`;
    const run = attempts > 1 ? `  run ${attempts}` : '';
    return `${at}  ${type}  ${event.job}  ${callableName(event.callable)}  ${queueName(event.queue)}${run}${why}`;
  }
  if ('dispatcher' in event) return `${at}  ${event.type}  ${event.dispatcher}`;
  if ('schedule' in event)
    return `${at}  ${event.type}  ${plain(event.schedule)}  tick ${event.tick.toISOString()}, ${event.count}`;
  return `${at}  ${event.type}  ${queueName(event.queue)}`;
}
