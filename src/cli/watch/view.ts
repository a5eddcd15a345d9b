/** The lines that `callsheet watch` shows, from the last answers and the choices of its user. */
import type { JobRow, StatRow } from '../../protocol/monitor.js';
import type { ThreadWork } from '../../protocol/status.js';
import { jobColumns } from '../look/columns.js';
import { activeColumns, headLines, queueColumns, type Snapshot } from '../look/status.js';
import type { Output } from '../output.js';
import type { Session } from '../session.js';
import { type Column, tableLines } from '../table.js';
import { counted, plain, queueName } from '../words.js';
import { graphLines, graphMinutes, threadBars } from './charts.js';

/** A table that can be chosen with the tab key. */
export const panes = ['queues', 'running', 'jobs', 'failed'] as const;
export type Pane = (typeof panes)[number];

/** The orders of the pane of jobs. */
export const orders = ['newest', 'oldest', 'completed'] as const;

const nothing: Readonly<Record<Pane, string>> = {
  queues: 'no queues',
  running: 'no job runs',
  jobs: 'no job fits',
  failed: 'no job has failed',
};

/** The answers behind a frame. */
export interface Answers {
  readonly snapshot: Snapshot;
  /** The work of the last minute. */
  readonly threads: readonly ThreadWork[];
  /** The sums of each minute of the graph. */
  readonly minutes: readonly StatRow[];
  /** Of the panes `jobs` and `failed`. */
  readonly jobs: readonly JobRow[];
}

/** The choices of the user. */
export interface Choices {
  pane: Pane;
  /** The chosen row. */
  row: number;
  /** The name pattern of functions; empty for all. */
  filter: string;
  order: (typeof orders)[number];
  isFrozen: boolean;
  /** Charts in place of the tables. */
  isGraph: boolean;
  /** The line at the bottom: a question, the answer of an action, or a text that is typed. */
  message: string;
  /** Lines in place of the tables, such as one job in full. */
  detail: readonly string[] | undefined;
  /** The first line of `detail` that is shown. */
  scrolled: number;
}

export const help = [
  'tab          the next table: queues, running jobs, jobs, failed jobs',
  'up, down     choose a row',
  '/            show jobs of functions like a pattern, such as images#*; empty for all',
  'enter        the chosen job in full; escape goes back',
  'c            cancel the chosen job',
  'r            retry the chosen job',
  'p            pause or resume the chosen queue',
  's            another order of jobs',
  'g            charts of the last hour, of the chosen queue or of functions like the pattern; g goes back',
  'space        freeze the screen, and go on',
  'q            quit',
];

/** The rows of the pane that can be chosen: jobs, or queues. */
export function chosenIn({ snapshot, jobs }: Answers, { pane, row }: Choices): { id?: string; queue?: string } {
  if (pane === 'queues') {
    const queue = snapshot.queues.items[row]?.name;
    return queue === undefined ? {} : { queue };
  }
  const id = pane === 'running' ? snapshot.active[row]?.id : jobs[row]?.id;
  return id === undefined ? {} : { id };
}

export function countIn({ snapshot, jobs }: Answers, pane: Pane): number {
  return pane === 'queues' ? snapshot.queues.items.length : pane === 'running' ? snapshot.active.length : jobs.length;
}

/** Returns the lines of a frame. */
export function frame(
  answers: Answers,
  choices: Choices,
  out: Output,
  session: Pick<Session, 'place' | 'isLive'>,
  { columns, rows }: { readonly columns: number; readonly rows: number },
): string[] {
  const { snapshot, threads, minutes, jobs } = answers;
  const { pane, detail, scrolled, isGraph } = choices;
  const bottom = [titleLine(choices, out)];
  const room = rows - bottom.length;
  if (detail !== undefined) return filled(detail.slice(scrolled, scrolled + room), room, bottom);
  if (isGraph)
    return filled([graphTitle(choices, answers), '', ...graphLines(minutes, snapshot.status.asOf)], room, bottom);
  const lines = [
    ...headLines(snapshot, session),
    ...busyLines(threadBars(threads, snapshot.active, snapshot.status.asOf), columns),
    '',
  ];
  let chosen = 0;
  const add = <Row>(name: Pane, list: readonly Row[], of: readonly Column<Row>[]): void => {
    if (list.length === 0) {
      lines.push(out.style('dim', nothing[name]));
      return;
    }
    const [titles, ...others] = tableLines(of, list, columns);
    lines.push(out.style('bold', titles!));
    if (name === pane) chosen = lines.length + choices.row;
    for (const line of others) lines.push(lines.length === chosen ? out.style('inverse', line) : line);
  };
  add('queues', snapshot.queues.items, queueColumns(snapshot, out));
  if (snapshot.queues.others > 0) lines.push(`… ${counted(snapshot.queues.others, 'queue')} more`);
  lines.push('');
  add('running', snapshot.active, activeColumns());
  if (pane === 'jobs' || pane === 'failed') {
    lines.push('');
    add(pane, jobs, jobColumns(out, snapshot.status.asOf));
  }
  return filled(around(lines, chosen, room), room, bottom);
}

const busyLabel = 'busy     ';
const mostBusyLines = 3;

/** Returns bars of threads side by side, as many as fit in a few lines. */
function busyLines(bars: readonly string[], columns: number): string[] {
  const width = Math.max(...bars.map((bar) => bar.length)) + 3;
  const each = Math.max(1, Math.floor((columns - busyLabel.length) / width));
  const lines: string[] = [];
  for (let from = 0; from < bars.length && lines.length < mostBusyLines; from += each) {
    const label = from === 0 ? busyLabel : ' '.repeat(busyLabel.length);
    const line = bars.slice(from, from + each).map((bar) => bar.padEnd(width));
    lines.push(`${label}${line.join('')}`.trimEnd());
  }
  const others = bars.length - each * mostBusyLines;
  return others > 0 ? [...lines, `… ${counted(others, 'thread')} more`] : lines;
}

/** The queue of the graph; undefined for all. */
export const queueOfGraph = (answers: Answers, choices: Choices) => chosenIn(answers, choices).queue;

function graphTitle(choices: Choices, answers: Answers): string {
  const queue = queueOfGraph(answers, choices);
  const jobs = queue === undefined ? 'all queues' : `queue ${queueName(queue)}`;
  const functions = choices.filter === '' ? '' : `, functions ${plain(choices.filter)}`;
  return `${jobs}${functions}: the last ${graphMinutes} minutes, each a column`;
}

/** Leaves out lines above, so that the chosen one is on the screen. */
function around(lines: readonly string[], chosen: number, room: number): readonly string[] {
  return chosen < room ? lines : lines.slice(chosen - room + 1);
}

function filled(lines: readonly string[], room: number, bottom: readonly string[]): string[] {
  return [...Array.from({ length: room }, (_, at) => lines[at] ?? ''), ...bottom];
}

function titleLine({ pane, filter, order, isFrozen, isGraph, message, detail }: Choices, out: Output): string {
  if (message !== '') return out.style('yellow', message);
  const words = [
    detail !== undefined ? 'escape: back' : isGraph ? 'g: back' : pane,
    ...(pane === 'jobs' && detail === undefined && !isGraph
      ? [`${order === 'completed' ? 'last completed' : order} first`]
      : []),
    ...(filter === '' ? [] : [`functions ${filter}`]),
    ...(isFrozen ? ['FROZEN, space goes on'] : []),
    '? help, q quit',
  ];
  return out.style('dim', words.join('  ·  '));
}
