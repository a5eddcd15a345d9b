/** The jobs of a list with what the monitor does not send in lists: arguments, and progress. */
import type { JobRow } from '../../protocol/monitor.js';
import type { Progress } from '../../protocol/progress.js';
import type { NotShown } from '../shown.js';
import type { ViewContext } from './view.js';

export interface ShownRow extends JobRow {
  /** The arguments in one line, as far as `show` allows; `undefined` if none are read. */
  readonly argumentLine: string | undefined;
  /** Of a running job. */
  readonly progress: Progress | undefined;
}

/** Larger arguments are not read for a list, and not those of rows beyond. */
const most = { bytes: 4096, rows: 100, text: 120 };
/** The arguments of a job that is not over may be changed. */
const keptMs = { open: 10_000, over: 600_000 };

export async function shownRows(context: ViewContext, rows: readonly JobRow[]): Promise<ShownRow[]> {
  const progress = await progressOf(context, rows);
  return Promise.all(
    rows.map(async (row, index) => ({
      ...row,
      argumentLine: index < most.rows ? await argumentLine(context, row) : undefined,
      progress: progress.get(row.id),
    })),
  );
}

async function argumentLine({ callsheet, shown, lines }: ViewContext, row: JobRow): Promise<string | undefined> {
  const { id, callable, queue, argumentBytes, outcome } = row;
  if (shown.isNothing || argumentBytes === 0 || argumentBytes > most.bytes) return undefined;
  const read = async () => {
    try {
      const given = await callsheet.job(id).arguments();
      return oneLine(shown.valueOf({ id, callable, queue }, 'arguments', given));
    } catch {
      // The job was forgotten meanwhile, its value is damaged, or `show` failed.
      return undefined;
    }
  };
  return lines.get(id, outcome === 'none' ? keptMs.open : keptMs.over, read);
}

/** A list as text without its brackets; a part that is not shown in words. */
function oneLine(value: unknown): string {
  const text = JSON.stringify(value, (_, part: unknown) => (isNote(part) ? `‹${part.$}›` : part)).slice(1, -1);
  const plain = text.replaceAll(/"‹([^"›]*)›"/g, '‹$1›');
  return plain.length > most.text ? `${plain.slice(0, most.text)}…` : plain;
}

const isNote = (value: unknown): value is NotShown =>
  typeof value === 'object' && value !== null && '$' in value && Object.keys(value).length === 1;

async function progressOf(
  { callsheet, memo }: ViewContext,
  rows: readonly JobRow[],
): Promise<ReadonlyMap<string, Progress>> {
  if (!rows.some(({ status }) => status === 'active')) return new Map();
  const active = await memo.get('active', 900, () => callsheet.monitor.active());
  return new Map(active.flatMap(({ id, progress }) => (progress === undefined ? [] : [[id, progress] as const])));
}
