/** Tables of text that fit a width. */
import { stripVTControlCharacters } from 'node:util';

export interface Column<Row> {
  readonly title: string;
  readonly of: (row: Row) => string;
  readonly right?: true;
  /** It is cut when the table is too wide, before the others. */
  readonly cut?: true;
}

const gap = '  ';
const leastWidth = 8;

/** The columns that a terminal needs for a text without wide characters. */
export const widthOf = (text: string) => [...stripVTControlCharacters(text)].length;

/** Returns a text in at most `width` characters. A cut one ends with an ellipsis, uncoloured. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  const letters = [...stripVTControlCharacters(text)];
  return `${letters.slice(0, Math.max(0, width - 1)).join('')}…`;
}

/** Returns the lines of a table: its titles, then its rows. Empty columns are left out. */
export function tableLines<Row>(all: readonly Column<Row>[], rows: readonly Row[], width: number): string[] {
  const columns = all.filter(({ of }) => rows.some((row) => of(row) !== ''));
  const cells = rows.map((row) => columns.map((column) => column.of(row)));
  const widths = columns.map(({ title }, at) => Math.max(widthOf(title), ...cells.map((line) => widthOf(line[at]!))));
  shrink(columns, widths, width);
  const lineOf = (line: readonly string[]) =>
    line
      .map((text, at) => {
        const shown = cut(text, widths[at]!);
        const room = ' '.repeat(widths[at]! - widthOf(shown));
        return columns[at]!.right ? room + shown : shown + room;
      })
      .join(gap)
      .trimEnd();
  return [lineOf(columns.map(({ title }) => title)), ...cells.map(lineOf)].map((line) => cut(line, width));
}

/** Takes from the widest column that can be cut, until the table fits. */
function shrink(columns: readonly Column<never>[], widths: number[], width: number): void {
  const total = () => widths.reduce((sum, one) => sum + one, gap.length * (widths.length - 1));
  for (let over = total() - width; over > 0; over = total() - width) {
    let widest = -1;
    for (const [at, { cut }] of columns.entries())
      if (cut && widths[at]! > leastWidth && (widest < 0 || widths[at]! > widths[widest]!)) widest = at;
    if (widest < 0) return;
    widths[widest] = Math.max(leastWidth, widths[widest]! - over);
  }
}
