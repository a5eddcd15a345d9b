/** Items between separators: lines, JSON values in lines, and texts that end with a null. */
import { isUtf8 } from 'node:buffer';
import { CommandError, exitCodes } from '../exit.js';
import type { Parser, ReadItem } from './parser.js';

const lineFeed = 10;
const carriageReturn = 13;
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);
/** An item is an argument of a job, and in memory several times. */
const mostBytes = 64 << 20;

/** Splits at line breaks or null characters. */
export function separated(kind: 'lines' | 'ndjson' | 'null', name: string): Parser {
  const separator = kind === 'null' ? 0 : lineFeed;
  let rest: Buffer = Buffer.alloc(0);
  let line = 0;
  const itemFrom = (bytes: Buffer): ReadItem | undefined => {
    line++;
    const place = kind === 'null' ? `${name}item ${line}` : `${name}line ${line}`;
    const text = line === 1 && bytes.subarray(0, 3).equals(byteOrderMark) ? bytes.subarray(3) : bytes;
    return kind === 'ndjson' ? documentOf(text, place) : lineItem(text, place, kind === 'lines');
  };
  return (chunk) => {
    const bytes = chunk === undefined ? rest : rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const items: ReadItem[] = [];
    const add = (one: ReadItem | undefined) => {
      if (one !== undefined) items.push(one);
    };
    let from = 0;
    for (let to = bytes.indexOf(separator, rest.length); to >= 0; to = bytes.indexOf(separator, from)) {
      add(itemFrom(bytes.subarray(from, to)));
      from = to + 1;
    }
    rest = bytes.subarray(from);
    if (rest.length > mostBytes)
      throw new CommandError(exitCodes.usage, `${name}line ${line + 1} is longer than ${mostBytes} bytes`);
    if (chunk === undefined && rest.length > 0) add(itemFrom(rest));
    return items;
  };
}

function lineItem(bytes: Buffer, place: string, isLine: boolean): ReadItem {
  const length = isLine && bytes.at(-1) === carriageReturn ? bytes.length - 1 : bytes.length;
  const value = bytes.toString('utf8', 0, length);
  const item = { value, json: JSON.stringify(value), place };
  return isUtf8(bytes) ? item : { ...item, problem: 'it is not UTF-8' };
}

/** Returns `undefined` for a blank line. */
function documentOf(bytes: Buffer, place: string): ReadItem | undefined {
  const text = bytes.toString('utf8').trim();
  if (text === '') return undefined;
  try {
    if (!isUtf8(bytes)) throw new Error('it is not UTF-8');
    return { value: JSON.parse(text), json: text, place };
  } catch (error) {
    return { value: text, json: JSON.stringify(text), place, problem: (error as Error).message };
  }
}
