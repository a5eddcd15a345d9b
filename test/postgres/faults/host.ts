/**
 * A host that runs jobs and puts its own until it reads a line, and closes when its input ends. Its
 * argument is a `HostOptions` as JSON. Prints `open`, and what `putOn` says.
 */
import { open } from 'callsheet';
import pino from 'pino';
import { randomFrom } from '../../harness/randomness.js';
import { noted } from './jobs/all.js';
import { putOn } from './load.js';

export interface HostOptions {
  readonly postgres: string;
  readonly schema: string;
  readonly file: string;
  readonly prefix: string;
  readonly seed: number;
  readonly inFlight: number;
  readonly pingMs: number;
  readonly deathMs: number;
}

const { postgres, schema, file, prefix, seed, inFlight, pingMs, deathMs } = JSON.parse(process.argv[2]!) as HostOptions;
const logger = pino({ level: 'fatal' }, pino.destination(2));
const place = { postgres, schema, jobs: [noted], retention: { count: Number.POSITIVE_INFINITY } };
const runtime = await open({ ...place, threads: 2, pingMs, deathMs, graceMs: 0, logger });
const say = (line: string) => process.stdout.write(`${line}\n`);
say('open');
const ending = new AbortController();
process.stdin.on('data', () => ending.abort()).on('end', () => void runtime.close());
await putOn(runtime, { file, prefix, random: randomFrom(seed), inFlight }, say, ending.signal);
