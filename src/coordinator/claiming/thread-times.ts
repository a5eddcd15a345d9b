/**
 * The work of each thread in the last minutes, for people who look at it. Short runs that follow
 * one another share a span, so that a thread has few of them whatever it runs.
 */
import type { Id } from '../../core/records.js';

/** Longer gaps between runs end a span. */
const gapMs = 50;
/** Shorter runs of different callables share a span until it is this long. */
const shortMs = 100;
/** Replaced threads leave their spans behind. */
const most = { spans: 600, threads: 2048, ended: 50 };

/** Runs of a thread that followed one another. Times are milliseconds since the epoch. */
export interface Span {
  readonly from: number;
  to: number;
  /** The time in which a job ran. */
  busyMs: number;
  /** `*` for several. */
  callable: string;
  /** The last job. */
  job: Id;
  count: number;
}

/** A thread that ended on its own, and the job at which it was. */
export interface EndedThread {
  readonly thread: number;
  readonly at: number;
  readonly error: string;
  readonly message: string;
  /** Empty for no job. */
  readonly job: Id;
  readonly callable: string;
  readonly attempt: number;
}

export class ThreadTimes {
  readonly #spans = new Map<number, Span[]>();
  readonly #ended: EndedThread[] = [];
  /** The time in which any thread ran a job, since open. */
  busyMs = 0;

  /** Notes a run that is over. */
  note(thread: number, job: Id, callable: string, startedAt: number, ranMs: number): void {
    const to = startedAt + ranMs;
    this.busyMs += ranMs;
    let spans = this.#spans.get(thread);
    if (spans === undefined) {
      spans = [];
      this.#spans.set(thread, spans);
      if (this.#spans.size > most.threads) this.#spans.delete(this.#spans.keys().next().value!);
    }
    const last = spans.at(-1);
    const isNext = last !== undefined && startedAt - last.to <= gapMs && startedAt >= last.from;
    if (isNext && (last.callable === callable || to - last.from < shortMs)) {
      if (last.callable !== callable) last.callable = several;
      last.to = Math.max(last.to, to);
      last.busyMs += ranMs;
      last.job = job;
      last.count++;
      return;
    }
    spans.push({ from: startedAt, to, busyMs: ranMs, callable, job, count: 1 });
    if (spans.length >= 2 * most.spans) spans.splice(0, most.spans);
  }

  noteEnd(ended: EndedThread): void {
    this.#ended.push(ended);
    if (this.#ended.length > most.ended) this.#ended.shift();
    this.#spans.delete(ended.thread);
  }

  /** The spans that end at this time or later, by thread, oldest first. */
  since(from: number): readonly (readonly [thread: number, spans: readonly Span[]])[] {
    const found: [number, Span[]][] = [];
    for (const [thread, spans] of this.#spans) {
      const late = spans.filter(({ to }) => to >= from);
      if (late.length > 0) found.push([thread, late]);
    }
    return found.sort(([a], [b]) => a - b);
  }

  /** The last threads that ended on their own, oldest first. */
  get ended(): readonly EndedThread[] {
    return this.#ended;
  }
}

const several = '*';
