/** The place in the code at which an error was thrown, as a name by which failures are grouped. */
import { frameSign } from '../core/frame.js';

const longest = 128;

/** Packages and Node are seldom the place that matters. */
const isOfOthers = /node_modules|\(?node:/;

/**
 * Returns the first place in the stack that is in the user's code, as in
 * `at resize (images/resize.js:12)`; else the first one. `undefined` for an error without a stack.
 */
export function frameOf(stack: string): string | undefined {
  const lines = stack.match(/^ {4}at .+:\d+:\d+\)?$/gm);
  const line = lines?.find((one) => !isOfOthers.test(one)) ?? lines?.[0];
  const [, name = '', path = '', at = ''] = /^ {4}at (?:(.+) \()?(.+):(\d+):\d+\)?$/.exec(line ?? '') ?? [];
  if (line === undefined) return undefined;
  // The directory above differs among hosts, and the column among builds.
  const place = `${path.split(/[\\/]/).slice(-2).join('/')}:${at}`;
  const text = name === '' ? `${frameSign}${place}` : `${frameSign}${name} (${place})`;
  return text.slice(0, longest);
}
