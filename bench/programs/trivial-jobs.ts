/**
 * A process that runs trivial jobs for a time under the profiler.
 */
import { open } from 'callsheet';
import { stamps } from '../contestants/callsheet.js';
import { keepBusy } from '../contestants/under-load.js';
import { programArguments, reportResult } from '../harness/program.js';

export interface TrivialWork {
  readonly directory: string;
  readonly threads: number;
  readonly inFlight: number;
  readonly ms: number;
}

export interface TrivialFigures {
  readonly perSecond: number;
}

const { directory, threads, inFlight, ms } = programArguments<TrivialWork>();
const callsheet = await open({ directory, threads, jobs: [stamps] });
const queue = callsheet.queue();
const run = async (number: number) => (await queue.put(stamps.stamp(number))).result();
const close = () => callsheet.close();
const { perSecond } = await keepBusy({ run, close }, inFlight, ms);
await close();
const figures: TrivialFigures = { perSecond };
reportResult(figures);
