/** Jobs that log, and hooks that fail. */
import { currentJob } from 'callsheet';

export function says(level: 'debug' | 'info' | 'fatal', text: string): string {
  currentJob().logger[level]({ of: 'a job' }, text);
  return text;
}

export function fails(): never {
  throw new RangeError('it fails');
}

export function failsToEnd(): never {
  throw new TypeError('it does not end well');
}
