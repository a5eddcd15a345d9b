/** The work of the threads in the last minute, one lane each. */
import type { ShownRun } from '../views/running.js';
import type { Window } from '../views/threads.js';
import { shownMs, windowPrefix } from '../window.js';
import { JobLink, number, Table, useWidth } from './elements.js';
import { callableText, durationText, isLate } from './format.js';
import type { Json } from './json.js';
import { go } from './router.js';

interface Piece {
  readonly from: number;
  readonly to: number;
  readonly busy: number;
  readonly callable: string;
  readonly count: number;
  readonly job: string;
  readonly isRunning: boolean;
  /** `true` if it runs for much longer than usual. */
  readonly isLate: boolean;
}

const laneHeight = 26;
const left = 34;

/** Returns the windows among the sections of a view. */
export function windowsOf(sections: object): Window[] {
  return Object.entries(sections).flatMap(([name, value]) => (name.startsWith(windowPrefix) ? [value as Window] : []));
}

interface GanttProps {
  readonly windows: readonly Window[];
  readonly active: readonly Json<ShownRun>[];
  readonly size: number;
  readonly now: number;
}

export function Gantt({ windows, active, size, now }: GanttProps) {
  const { element, width } = useWidth();
  const lanes = lanesOf(windows, active, size, now);
  const begin = now - shownMs;
  const x = (time: number) => left + (Math.max(0, time - begin) / shownMs) * Math.max(1, width - left);
  const height = lanes.length * laneHeight + 18;
  return (
    <div>
      <div ref={element} class="plot">
        {width > 0 && (
          <svg
            width={width}
            height={height}
            role="img"
            aria-label="Threads in the last minute: the table below has the values"
          >
            {[60, 45, 30, 15].map((seconds) => (
              <g key={seconds}>
                <path class="grid" d={`M${x(now - seconds * 1000)} 0V${height - 16}`} />
                <text x={x(now - seconds * 1000)} y={height - 3}>
                  −{seconds} s
                </text>
              </g>
            ))}
            {lanes.map(([thread, pieces], lane) => (
              <g key={thread}>
                <text x="2" y={lane * laneHeight + 17}>
                  {thread < 0 ? '–' : thread}
                </text>
                <rect class="lane" x={left} y={lane * laneHeight + 3} width={width - left} height={laneHeight - 6} />
                {pieces.map((piece) => (
                  <PieceOf key={`${piece.from} ${piece.job}`} piece={piece} y={lane * laneHeight + 3} x={x} />
                ))}
              </g>
            ))}
          </svg>
        )}
      </div>
      {lanes.length === 0 && <p class="empty">This process has no threads: it runs no jobs.</p>}
      <details>
        <summary>Table</summary>
        <Table
          label="Threads in the last minute"
          columns={['thread', number('busy'), number('jobs'), 'last job', 'running']}
          empty="No thread has run a job yet."
          rows={lanes.map(([thread, pieces]) => {
            const busy = pieces.reduce((sum, piece) => sum + inMinute(piece, begin), 0);
            const running = pieces.find(({ isRunning }) => isRunning);
            const ended = pieces.filter(({ isRunning }) => !isRunning);
            const last = ended.at(-1);
            return {
              key: String(thread),
              cells: [
                thread < 0 ? 'not used yet' : thread,
                `${Math.min(100, Math.round((busy / shownMs) * 100))}%`,
                ended.reduce((sum, { count }) => sum + count, 0),
                last === undefined ? '–' : <JobLink id={last.job} />,
                running === undefined ? (
                  '–'
                ) : (
                  <span>
                    <JobLink id={running.job} />
                    {running.isLate && <strong class="bad"> late</strong>}
                  </span>
                ),
              ],
            };
          })}
        />
      </details>
    </div>
  );
}

/** The busy milliseconds of a piece within the minute. */
function inMinute({ from, to, busy }: Piece, begin: number): number {
  const length = Math.max(1, to - from);
  return busy * Math.min(1, Math.max(0, to - Math.max(from, begin)) / length);
}

function PieceOf({ piece, x, y }: { piece: Piece; x: (time: number) => number; y: number }) {
  const { from, to, callable, count, job, isRunning, isLate: late, busy } = piece;
  const [start, end] = [x(from), x(to)];
  const width = Math.max(1.5, end - start);
  const name = `${late ? '! ' : ''}${callable === '*' ? 'several' : callableText(callable)}`;
  const jobs = count === 1 ? job : `${count} jobs`;
  const label = `${name}: ${late ? 'late, ' : ''}${isRunning ? 'running for ' : ''}${durationText(to - from)}, ${jobs}`;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the table has the same links.
    <g
      class={`piece ${colourOf(callable)} ${isRunning ? 'running' : ''} ${late ? 'late' : ''}`}
      onClick={() => go(`jobs/${job}`)}
    >
      <title>{label}</title>
      <rect
        x={start}
        y={y}
        width={width}
        height={laneHeight - 6}
        style={{ fillOpacity: 0.35 + 0.65 * Math.min(1, busy / Math.max(1, to - from)) }}
      />
      {width > 50 && (
        <text x={start + 4} y={y + 14}>
          {name.slice(0, Math.floor((width - 8) / 7))}
        </text>
      )}
    </g>
  );
}

/** One of eight colours, the same for a callable everywhere. */
export function colourOf(callable: string): string {
  let hash = 0;
  for (const sign of callable) hash = (hash * 31 + sign.codePointAt(0)!) % 9973;
  return callable === '*' ? 'colour-many' : `colour-${hash % 8}`;
}

function lanesOf(
  windows: readonly Window[],
  active: readonly Json<ShownRun>[],
  size: number,
  now: number,
): (readonly [thread: number, pieces: readonly Piece[]])[] {
  const lanes = new Map<number, Piece[]>();
  const laneOf = (thread: number) => {
    const lane = lanes.get(thread) ?? [];
    lanes.set(thread, lane);
    return lane;
  };
  for (const { from, lanes: found } of windows)
    for (const [thread, pieces] of Object.entries(found))
      for (const [start, length, busy, callable, count, job] of pieces) {
        if (from + start + length < now - shownMs) continue;
        laneOf(Number(thread)).push({
          ...{ from: from + start, to: from + start + length, busy, callable, count, job },
          isRunning: false,
          isLate: false,
        });
      }
  for (const { thread, started, callable, id, expectedMs } of active) {
    if (thread === undefined || started === undefined) continue;
    const from = Date.parse(started);
    const late = isLate(now - from, expectedMs);
    laneOf(thread).push({
      ...{ from, to: now, busy: now - from, callable, count: 1, job: id },
      isRunning: true,
      isLate: late,
    });
  }
  // Threads that have not worked yet have no number here.
  for (let spare = -1; lanes.size < Math.min(size, 64); spare--) lanes.set(spare, []);
  return Array.from(lanes, ([thread, pieces]) => [thread, pieces.sort((a, b) => a.from - b.from)] as const).sort(
    ([a], [b]) => (a < 0 === b < 0 ? a - b : b - a),
  );
}
