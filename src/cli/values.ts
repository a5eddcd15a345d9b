/** The values of options, parsed and checked. */
import { InvalidArgumentError } from 'commander';
import { logThresholds } from '../core/records.js';
import { parseDuration } from '../definition/duration.js';

export const thresholds = logThresholds;

/** Parses `250ms`, `30s`, `5m`, `2h` or `1d` to milliseconds. */
export function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError('It must be a duration such as 250ms, 30s, 5m, 2h or 1d.');
  return ms;
}

/** Returns a parser of integers in a range. */
export function count(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    const range = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`;
    throw new InvalidArgumentError(`It must be an integer ${range}.`);
  };
}

export interface AgentSize {
  readonly queue: string;
  readonly size: number;
}

/** Parses `queue=size`, and adds it to those before. An empty name is the default queue. */
export function agentSize(text: string, before: readonly AgentSize[]): readonly AgentSize[] {
  const at = text.lastIndexOf('=');
  if (at < 0) throw new InvalidArgumentError('It must be a queue and a size, such as mail=4.');
  return [...before, { queue: text.slice(0, at), size: count(1)(text.slice(at + 1)) }];
}
