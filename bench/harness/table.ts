/**
 * The report as tables of text.
 */
import type { BenchReport, CaseReport, FigureReport, Report, Row } from './report.js';
import type { Spread } from './statistics.js';

export function describeRun({ machine, threads, fileSystem, size }: Omit<Report, 'benches'>): string {
  const packages = Object.entries(machine.packages).map(([name, version]) => `${name} ${version}`);
  return [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}; journals on ${fileSystem}`,
    `Node ${machine.node}; ${packages.join(', ')}`,
    `${threads} threads; ×: against the first row, round by round`,
    ...(size === 'small' ? ['Small inputs: these figures say that the benches work, and nothing else.'] : []),
  ].join('\n');
}

export function describeBench({ name, title, rounds, syncMs, cases }: BenchReport): string {
  const [before, after] = syncMs.map((ms) => ms.toFixed(2));
  const measured = rounds === 1 ? 'one round' : `medians of ${rounds} rounds [min to max]`;
  const head = `\n${name}: ${title}\n${measured}; fdatasync of 4 KiB, p50: ${before} ms before, ${after} ms after\n`;
  return head + cases.map(describeCase).join('');
}

function describeCase({ name, rows }: CaseReport): string {
  const lines = linesOf({ name, rows });
  const widths = lines[0]!.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)));
  const table = lines.map((line) => `  ${line.map((cell, at) => cell.padEnd(widths[at]!)).join('  ')}`.trimEnd());
  return `\n${[...table, ...notesOf(rows).map((note) => `  ${note}`)].join('\n')}\n`;
}

/** Returns the cells of a case's table: a line of heads, and a line for each contestant. */
export function linesOf({ name, rows }: CaseReport): string[][] {
  // The contestant with the most figures has them in the order of the bench; others may lack some.
  const fullestFirst = rows.map(({ figures }) => Object.keys(figures)).sort((one, other) => other.length - one.length);
  const columns = [...new Set(fullestFirst.flat())];
  return [[name, ...columns], ...rows.map((row) => [row.contestant, ...cells(row, columns)])];
}

/** Returns the reasons of rows that are not measured. */
export function notesOf(rows: readonly Row[]): string[] {
  return rows.flatMap(({ contestant, status, reason }) =>
    reason === '' ? [] : [`${contestant}: ${status}: ${reason.split('\n', 1)}`],
  );
}

function cells({ status, figures }: Row, columns: readonly string[]): string[] {
  if (status === 'absent' || status === 'failed') return [status === 'absent' ? '–' : 'FAILED'];
  return columns.map((column) => {
    const figure = figures[column];
    if (figure === undefined) return '';
    return status === 'void' ? `VOID ${describeFigure(figure)}` : describeFigure(figure);
  });
}

function describeFigure({ unit, brief, values, ratio, ...spread }: FigureReport): string {
  const once = brief || values.length === 1;
  const figure = `${describeSpread(spread, once)} ${unit}`.trimEnd();
  return ratio === undefined ? figure : `${figure} ×${describeSpread(ratio, once)}`;
}

function describeSpread({ median, min, max }: Spread, once: boolean): string {
  return once ? digits(median) : `${digits(median)} [${digits(min)} to ${digits(max)}]`;
}

/** Formats a number with three significant digits and no exponent. */
function digits(value: number): string {
  if (!Number.isFinite(value) || Math.abs(value) >= 100) return String(Math.round(value));
  return Number(value.toPrecision(3)).toString();
}
