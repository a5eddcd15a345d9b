/**
 * A host of a figure: runs jobs until its input ends. Its argument is a `HostOptions` as JSON.
 * Prints `open ID`.
 */
import { type OpenOptions, open } from 'callsheet';
import pino from 'pino';
import { slow } from '../../cli/jobs/defined.js';
import { seen } from './jobs/all.js';

export interface HostOptions extends Pick<OpenOptions, 'threads' | 'pingMs' | 'deathMs' | 'retention'> {
  readonly postgres: string;
}

const options = JSON.parse(process.argv[2]!) as HostOptions;
const logger = pino({ level: 'fatal' }, pino.destination(2));
const runtime = await open({ ...options, agent: { size: options.threads! }, jobs: [slow, seen], graceMs: 0, logger });
process.stdout.write(`open ${runtime.id}\n`);
process.stdin.resume().on('end', () => void runtime.close());
