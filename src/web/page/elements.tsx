/** Small pieces that all pages use. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { CallbackTree } from '../../protocol/monitor.js';
import { callableText, durationText, shortId, timeText } from './format.js';
import type { Json } from './json.js';
import type { Problem, Seen } from './live.js';
import { Link } from './router.js';

export function JobLink({ id }: { id: string }) {
  return (
    <Link to={`jobs/${id}`} class="id" title={id}>
      {shortId(id)}
    </Link>
  );
}

/** Signs stand beside colours, so that no state is shown by colour alone. */
const signs: Readonly<Record<string, readonly [sign: string, kind: string]>> = {
  succeeded: ['✓', 'good'],
  failed: ['✗', 'bad'],
  active: ['▶', 'busy'],
  assigned: ['▷', 'busy'],
  callbacks: ['↪', 'busy'],
  pending: ['…', ''],
  new: ['○', ''],
};

/** The side of a pair of callbacks that did not fit the outcome. */
const notNeeded = 'not needed';

type Callback = Json<CallbackTree>;

/** Callbacks with the sides of each pair in its place. */
export function withoutPairs(rows: readonly Callback[]): Callback[] {
  return rows.flatMap((row): readonly Callback[] => {
    const [sides, others] = [row.callbacks.filter(isSide), row.callbacks.filter((one) => !isSide(one))];
    if (sides.length === 0) return [row];
    const isOver = row.outcome !== 'none';
    return [
      ...sides.map((side) =>
        isOver && side.status === 'new' ? ({ ...side, status: notNeeded } as unknown as Callback) : side,
      ),
      ...others,
    ];
  });
}

const isSide = ({ role }: Callback) => role === 'onSuccess' || role === 'onFailure';

/** The callable of a callback, with the outcome after which it runs. */
export function callbackText({ role, callable }: Callback): string {
  const when = role === 'onSuccess' ? 'success: ' : role === 'onFailure' ? 'failure: ' : '';
  return `${when}${callableText(callable)}`;
}

export function statusWord(status: string, outcome: string) {
  if (status === notNeeded) return { sign: '–', word: status, kind: '' };
  const word = status === 'completed' ? (outcome === 'failure' ? 'failed' : 'succeeded') : status;
  const [sign, kind] = signs[word] ?? ['', ''];
  const isFailing = word === 'callbacks' && outcome === 'failure';
  return isFailing ? { sign, word: `${word} (failed)`, kind: 'bad' } : { sign, word, kind };
}

export function Status({ status, outcome }: { status: string; outcome: string }) {
  const { sign, word, kind } = statusWord(status, outcome);
  return (
    <span class={`status ${kind}`}>
      <span aria-hidden="true">{sign}</span> {word}
    </span>
  );
}

const named = /([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[\d:.]+Z)/;

/** A sentence of the runtime, with links to its jobs and times as people read them. */
export function Sentence({ text }: { text: string }) {
  return (
    <>
      {text.split(named).map((piece, at) => {
        if (at % 2 === 0) return piece;
        return piece.includes('T') ? <Time key={piece} at={piece} /> : <JobLink key={piece} id={piece} />;
      })}
    </>
  );
}

export function Time({ at }: { at: string | undefined }) {
  return at === undefined ? <span class="dim">–</span> : <time dateTime={at}>{timeText(at)}</time>;
}

/** How long ago, at a moment. */
export const Age = ({ since, now }: { since: number | string | undefined; now: number }) => (
  <>{since === undefined ? '–' : durationText(Math.max(0, now - new Date(since).getTime()))}</>
);

interface CardProps {
  readonly title: ComponentChildren;
  readonly children: ComponentChildren;
  readonly class?: string;
  readonly tools?: ComponentChildren;
}

export function Card({ title, children, tools, class: name = '' }: CardProps) {
  return (
    <section class={`card ${name}`}>
      <div class="title">
        <h2>{title}</h2>
        {tools}
      </div>
      {children}
    </section>
  );
}

interface Column {
  readonly name: string;
  readonly isNumber: boolean;
  /** Stands in place of the name. */
  readonly head?: ComponentChildren;
}

interface TableProps {
  readonly label: string;
  readonly columns: readonly (string | Column)[];
  readonly rows: readonly { readonly key: string; readonly cells: readonly ComponentChildren[] }[];
  /** Stands in place of a table without rows. */
  readonly empty: ComponentChildren;
  /** `true` if a narrow window shows the cells of a row below each other. */
  readonly stacks?: boolean;
}

/** A table that scrolls to the side where it is too wide. Shadows show where it goes on. */
export function Table({ label, columns, rows, empty, stacks = false }: TableProps) {
  if (rows.length === 0) return <p class="empty">{empty}</p>;
  const named = columns.map(
    (column): Column => (typeof column === 'string' ? { name: column, isNumber: false } : column),
  );
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
    <section class="scroll" tabIndex={0} aria-label={label}>
      <table class={stacks ? 'stacks' : ''}>
        <thead>
          <tr>
            {named.map(({ name, isNumber, head }) => (
              <th key={name} scope="col" class={isNumber ? 'number' : ''}>
                {head ?? name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ key, cells }) => (
            <tr key={key}>
              {cells.map((cell, at) => (
                <td key={named[at]!.name} data-name={named[at]!.name} class={named[at]!.isNumber ? 'number' : ''}>
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

export const number = (name: string) => ({ name, isNumber: true }) as const;

/** `isStale`: what follows is the last known state. */
export function Trouble({ problem, isStale }: { problem: Problem; isStale: boolean }) {
  return (
    <p class={isStale ? 'problem stale' : 'problem'} role="alert">
      {problem.message} <span class="dim">({problem.code})</span>
      {isStale && ' Below is the last known state.'}
    </p>
  );
}

interface LoadedProps<S> {
  readonly seen: Seen<S>;
  readonly children: (sections: Json<S>) => ComponentChildren;
}

/** Shows the problem of a view, and its sections once they are there. */
export function Loaded<S extends object>({ seen, children }: LoadedProps<S>) {
  const { sections, problem } = seen;
  return (
    <>
      {problem !== undefined && <Trouble problem={problem} isStale={sections !== undefined} />}
      {sections === undefined ? problem === undefined && <p class="empty">Loading…</p> : children(sections)}
    </>
  );
}

/** The width of an element, as it changes. */
export function useWidth() {
  const element = useRef<HTMLDivElement>(null);
  const [width, set] = useState(0);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => set(Math.floor(entry!.contentRect.width)));
    observer.observe(element.current!);
    return () => observer.disconnect();
  }, []);
  return { element, width };
}

export function Bar({ part, label }: { part: number; label: string }) {
  return (
    <span class="bar">
      <progress value={Math.min(1, Math.max(0, part))} max={1} aria-label={label} />
      <span>{Math.round(part * 100)}%</span>
    </span>
  );
}

/** A value of JSON, as text. */
export const Code = ({ value }: { value: unknown }) => <pre>{JSON.stringify(value, undefined, 2)}</pre>;
