/** `callsheet events`: follows what happens. */
import type { CallsheetEvent } from '../../runtime/events.js';
import { exitCodes } from '../exit.js';
import type { Output } from '../output.js';
import type { Session } from '../session.js';
import { callableName, plain, queueName } from '../words.js';

export interface EventsOptions {
  /** The number of events after which it ends. */
  readonly limit?: number;
}

export async function events({ callsheet, out }: Session, { limit }: EventsOptions): Promise<number> {
  const stream = callsheet.events();
  let left = limit ?? Number.POSITIVE_INFINITY;
  const stop = () => void stream.return();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  out.onBroken = stop;
  try {
    for await (const event of stream) {
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
