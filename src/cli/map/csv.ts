/** Records of CSV. The first record has the names of the columns. */
import { finished } from 'node:stream/promises';
import { type CsvError, parse } from 'csv-parse';
import { CommandError, exitCodes } from '../exit.js';
import type { Parser, ReadItem } from './parser.js';

const mostCharacters = 64 << 20;

export async function csvParser(name: string): Promise<Parser> {
  let found: ReadItem[] = [];
  const lineOf = (line: number) => `${name}line ${line}`;
  const parser = parse({
    bom: true,
    max_record_size: mostCharacters,
    skip_empty_lines: true,
    skip_records_with_error: true,
    columns: (header: string[]) => {
      const twice = header.find((column, index) => header.indexOf(column) !== index);
      if (twice === undefined) return header;
      const message = `${name}the header of the CSV has the column ${JSON.stringify(twice)} twice`;
      throw new CommandError(exitCodes.usage, message);
    },
    on_record: (value: unknown, { lines }) => {
      found.push({ value, json: JSON.stringify(value), place: lineOf(lines) });
      return null;
    },
    on_skip: (error) => {
      const { lines, record, message } = error as CsvError & { lines: number; record?: unknown };
      found.push({ value: record, json: JSON.stringify(record ?? null), place: lineOf(lines), problem: message });
      return undefined;
    },
  });
  const ended = finished(parser, { readable: false });
  ended.catch(() => {});
  parser.resume();
  return async (chunk) => {
    const taken =
      chunk === undefined ? parser.end() && ended : new Promise<unknown>((done) => parser.write(chunk, done));
    try {
      const error = await taken;
      if (error) throw error;
    } catch (error) {
      throw error instanceof CommandError ? error : new CommandError(exitCodes.usage, name + (error as Error).message);
    }
    const items = found;
    found = [];
    return items;
  };
}
