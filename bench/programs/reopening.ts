/**
 * A process that opens a directory with many pending jobs, and runs a job.
 */
import { open } from 'callsheet';
import { stamps } from '../contestants/callsheet.js';
import { programArguments, reportResult } from '../harness/program.js';
import { settledMemory } from './memory.js';

export interface ReopeningWork {
  readonly directory: string;
  readonly threads: number;
  readonly settleMs: number;
}

export interface ReopeningFigures {
  readonly openMs: number;
  readonly unfinished: number;
  /** Resident memory. */
  readonly bytes: number;
}

const { directory, threads, settleMs } = programArguments<ReopeningWork>();
const start = performance.now();
const callsheet = await open({ directory, threads, jobs: [stamps] });
const openMs = performance.now() - start;
const { unfinished } = callsheet.found;
await (await callsheet.queue().put(stamps.stamp(1))).result();
const bytes = await settledMemory(settleMs);
await callsheet.close();
const figures: ReopeningFigures = { openMs, unfinished, bytes };
reportResult(figures);
