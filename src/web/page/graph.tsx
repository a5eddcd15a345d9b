/**
 * The jobs around one job as a picture, from left to right: its whole, its parts, itself, its
 * callbacks. Lists beside it have the same links.
 */
import type { JobSections } from '../views/job.js';
import { callbackText, statusWord, withoutPairs } from './elements.js';
import { callableText, countText, plural } from './format.js';
import type { Json } from './json.js';
import { go } from './router.js';

type Seen = Json<JobSections>;
type Row = Seen['job']['parts'][number];
type Tree = Seen['job']['callbacks'][number];

interface Box {
  readonly column: number;
  readonly row: number;
  /** `undefined` for a box that stands for several jobs. */
  readonly id: string | undefined;
  readonly name: string;
  readonly state: string;
  readonly kind: string;
}

const size = { width: 158, height: 42, across: 54, down: 12 };
/** More parts than these have one box, and the strip. */
const most = { parts: 8, chain: 5, callbacks: 16 };

export function Graph({ sections }: { sections: Seen }) {
  const { boxes, edges } = layOut(sections);
  const columns = Math.max(...boxes.map(({ column }) => column)) + 1;
  const rows = Math.max(...boxes.map(({ row }) => row)) + 1;
  const width = columns * size.width + (columns - 1) * size.across + 4;
  const height = rows * size.height + (rows - 1) * size.down + 4;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
    <section class="scroll" tabIndex={0} aria-label="Graph">
      <svg class="graph" width={width} height={height}>
        <title>Graph of jobs</title>
        {edges.map(([from, to]) => {
          const [x1, y1] = [left(from) + size.width, middle(from)];
          const [x2, y2] = [left(to), middle(to)];
          const bend = (x2 - x1) / 2;
          return (
            <path
              key={`${x1} ${y1} ${x2} ${y2}`}
              d={`M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`}
            />
          );
        })}
        {boxes.map((box) => (
          <BoxOf key={`${box.column} ${box.row}`} box={box} isHere={box.id === sections.job.id} />
        ))}
      </svg>
    </section>
  );
}

const left = ({ column }: Box) => 2 + column * (size.width + size.across);
const middle = ({ row }: Box) => 2 + row * (size.height + size.down) + size.height / 2;

function BoxOf({ box, isHere }: { box: Box; isHere: boolean }) {
  const { id, name, state, kind } = box;
  const [x, y] = [left(box), middle(box) - size.height / 2];
  const shown = name.length > 21 ? `${name.slice(0, 20)}…` : name;
  const content = (
    <>
      <title>{id === undefined ? name : `${name} ${id}`}</title>
      <rect x={x} y={y} width={size.width} height={size.height} rx="7" />
      <text class="name" x={x + 10} y={y + 17}>
        {shown}
      </text>
      <text class="state" x={x + 10} y={y + 33}>
        {state}
      </text>
    </>
  );
  const className = `box ${kind} ${isHere ? 'here' : ''}`;
  if (id === undefined || isHere) return <g class={className}>{content}</g>;
  const to = `jobs/${id}`;
  return (
    <a
      class={className}
      href={to}
      aria-label={`${name}, ${state}`}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        go(to);
      }}
    >
      {content}
    </a>
  );
}

function layOut({ job, strip }: Seen): {
  readonly boxes: readonly Box[];
  readonly edges: readonly (readonly [Box, Box])[];
} {
  const { details, form, parent, parts, callbacks } = job;
  const boxes: Box[] = [];
  const edges: [Box, Box][] = [];
  const add = (box: Box, from: readonly Box[]) => {
    boxes.push(box);
    for (const one of from) edges.push([one, box]);
    return box;
  };
  let column = 0;
  let before: Box[] = [];
  if (parent !== undefined) before = [add(boxOf(parent, column++, 0), [])];
  const { length } = parts;
  const isFew = length === details.parts && length <= (form === 'serial' ? most.chain : most.parts);
  if (details.parts > 0 && isFew && form === 'serial')
    for (const part of parts) before = [add(boxOf(part, column++, 0), before)];
  else if (details.parts > 0) {
    const found = isFew ? parts.map((part, row) => boxOf(part, column, row)) : [several(column, details, strip)];
    before = found.map((box) => add(box, before));
    column++;
  }
  const name = details.parts > 0 && details.callable === '' ? 'list of results' : callableText(details.callable);
  const state = stateOf({ status: details.status, outcome: job.outcome });
  const here = add({ column: column++, row: 0, id: job.id, name, ...state }, before);
  let row = 0;
  const walk = (tree: readonly Tree[], from: Box, at: number) => {
    for (const [index, one] of withoutPairs(tree).entries()) {
      if (row >= most.callbacks) return;
      if (index > 0) row++;
      walk(one.callbacks, add({ ...boxOf(one, at, row), name: callbackText(one) }, [from]), at + 1);
    }
  };
  walk(callbacks, here, column);
  return { boxes, edges };
}

const boxOf = (row: Row, column: number, at: number): Box => ({
  ...{ column, row: at, id: row.id, name: callableText(row.callable) },
  ...stateOf(row),
});

function stateOf({ status, outcome }: { status: string; outcome: string }): Pick<Box, 'state' | 'kind'> {
  const { sign, word, kind } = statusWord(status, outcome);
  return { state: `${sign} ${word}`, kind };
}

function several(column: number, { parts, partsDone }: Seen['job']['details'], strip: Seen['strip']): Box {
  const failed = strip?.totals[1] ?? 0;
  const state = `${countText(partsDone)} done${failed > 0 ? `, ${countText(failed)} failed` : ''}`;
  return { column, row: 0, id: undefined, name: plural(parts, 'part'), state, kind: failed > 0 ? 'bad' : '' };
}
