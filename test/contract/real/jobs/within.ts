/** Jobs that use the API inside a job, on real threads. */
import { currentJob } from 'callsheet';
import { within } from './all.js';

export const echo = (name: string): string => name;

export async function putNowAndWait(name: string): Promise<{ id: string; result: string }> {
  const put = await currentJob().putNow(within.echo(name));
  return { id: put.id, result: await put.result() };
}

export const putNowInto = async (queue: string) => (await currentJob().putNow(within.echo('never'), { queue })).id;

export function returnHeld(name: string): unknown {
  currentJob().annotations.set('returning', true);
  return within.echo(name).with({ held: true });
}

export function countUntilTold(): void {
  const total = 1e9;
  for (let done = 1; !currentJob().cancelled; done++) if (done % 1e5 === 1) currentJob().progress({ done, total });
}

export const dispatcher = () => currentJob().dispatcher;
