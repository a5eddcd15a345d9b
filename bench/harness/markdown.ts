/**
 * The report as a page, `--markdown`: the same tables.
 */
import type { BenchReport, CaseReport, Report } from './report.js';
import { describeRun, linesOf, notesOf } from './table.js';

export function pageOf(report: Report): string {
  const run = describeRun(report).split('\n').join('  \n');
  return `# Measured ${report.at.slice(0, 10)}\n\n${run}\n${report.benches.map(sectionOf).join('')}`;
}

function sectionOf({ name, title, rounds, syncMs, cases }: BenchReport): string {
  const [before, after] = syncMs.map((ms) => ms.toFixed(2));
  const how = `\`npm run bench -- ${name} --rounds ${rounds}\`; fdatasync of 4 KiB, p50: ${before} ms before, ${after} ms after.`;
  return `\n## ${name}\n\n${title}. ${how}\n${cases.map(tableOf).join('')}`;
}

function tableOf(one: CaseReport): string {
  const [heads, ...lines] = linesOf(one);
  const rule = heads!.map((_, at) => (at === 0 ? '---' : '---:'));
  const table = [heads!, rule, ...lines].map((line) => `| ${line.join(' | ')} |`);
  const notes = notesOf(one.rows).map((note) => `\n${note}\n`);
  return `\n${table.join('\n')}\n${notes.join('')}`;
}
