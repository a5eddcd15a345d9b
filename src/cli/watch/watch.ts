/**
 * `callsheet watch`: the state of a running process, live. On a terminal it is a screen with keys;
 * elsewhere a snapshot is printed at each interval.
 */
import { emitKeypressEvents } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import type { JobQuery, JobRow, StatRow } from '../../protocol/monitor.js';
import { exactly } from '../../protocol/name-pattern.js';
import { exitCodes } from '../exit.js';
import { fullLines } from '../look/job.js';
import { snapshotOf, status } from '../look/status.js';
import type { Output } from '../output.js';
import { noSums, type Session } from '../session.js';
import { escaped, plain } from '../words.js';
import { graphMinutes } from './charts.js';
import { Screen, type ScreenTerminal } from './screen.js';
import { type Answers, type Choices, chosenIn, countIn, frame, help, orders, panes, queueOfGraph } from './view.js';

export interface WatchOptions {
  /** Milliseconds between two looks. */
  readonly interval?: number;
  /** The number of snapshots after which it ends, if there is no terminal. */
  readonly limit?: number;
}

/** At most four frames a second on a terminal; elsewhere a snapshot now and then. */
const screenMs = 500;
const leastMs = 250;
const printMs = 10_000;
const jobsShown = 200;

export async function watch(session: Session, options: WatchOptions): Promise<number> {
  const { stdin, stdout } = process;
  const isScreen = stdin.isTTY && stdout.isTTY && !session.out.isJson;
  return isScreen ? new Watch(session, options.interval ?? screenMs).run() : print(session, options);
}

async function print(session: Session, { interval = printMs, limit = Number.POSITIVE_INFINITY }: WatchOptions) {
  const ending = new AbortController();
  const stop = () => ending.abort();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  session.out.onBroken = stop;
  for (let left = limit; left > 0 && !ending.signal.aborted; left--) {
    await status(session);
    if (!session.out.isJson) session.out.line();
    await session.out.flush();
    if (left > 1) await delay(interval, undefined, { signal: ending.signal }).catch(() => {});
  }
  await session.out.flush();
  return exitCodes.done;
}

type Key = { readonly name?: string; readonly sequence?: string; readonly ctrl?: boolean };

/** The terminal of a screen. */
export interface WatchTerminal extends ScreenTerminal {
  readonly stdin: NodeJS.ReadableStream & { setRawMode(isRaw: boolean): unknown };
}

/** The screen with its keys. */
export class Watch {
  readonly #session: Session;
  readonly #intervalMs: number;
  readonly #out: Output;
  readonly #terminal: WatchTerminal;
  readonly #screen: Screen;
  readonly #choices: Choices = {
    ...{ pane: 'queues', row: 0, filter: '', order: 'newest', isFrozen: false, isGraph: false, message: '' },
    ...{ detail: undefined, scrolled: 0 },
  };
  #answers: Answers | undefined;
  /** The text of a filter that is typed. */
  #typed: string | undefined;
  /** The action that the next `y` does. */
  #asked: (() => Promise<string>) | undefined;
  #end!: (error?: Error) => void;
  /** Wakes the loop before its interval is over. */
  #wake = () => {};
  #isOver = false;

  constructor(session: Session, intervalMs: number, terminal: WatchTerminal = process) {
    this.#terminal = terminal;
    this.#screen = new Screen(terminal);
    this.#session = session;
    this.#intervalMs = Math.max(leastMs, intervalMs);
    this.#out = session.out;
  }

  async run(): Promise<number> {
    const { stdin, stdout } = this.#terminal;
    const over = new Promise<void>((resolve, reject) => {
      this.#end = (error) => {
        this.#isOver = true;
        this.#wake();
        if (error === undefined) resolve();
        else reject(error);
      };
    });
    const stop = () => this.#end();
    const press = (text: string | undefined, key: Key) => void this.#press(text ?? '', key).catch(this.#end);
    const resize = () => this.#show();
    emitKeypressEvents(stdin);
    stdin.setRawMode(true);
    stdin.on('keypress', press).resume();
    stdout.on('resize', resize);
    process.once('SIGTERM', stop).once('SIGHUP', stop);
    try {
      void this.#look().catch(this.#end);
      await over;
    } finally {
      process.off('SIGTERM', stop).off('SIGHUP', stop);
      stdout.off('resize', resize);
      stdin.off('keypress', press).pause();
      stdin.setRawMode(false);
      this.#screen.end();
    }
    return exitCodes.done;
  }

  /** Asks and shows, until the end. A slow answer delays the next question. */
  async #look(): Promise<void> {
    while (!this.#isOver) {
      if (!this.#choices.isFrozen) {
        this.#answers = await this.#ask();
        this.#show();
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, this.#intervalMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async #ask(): Promise<Answers> {
    const { callsheet } = this.#session;
    const { pane, isGraph } = this.#choices;
    const snapshot = await snapshotOf(this.#session);
    const since = new Date(Date.parse(snapshot.status.asOf) - 60_000);
    const { threads } = await callsheet.monitor.threads({ since });
    const minutes = isGraph ? await this.#minutes(snapshot.status.asOf) : [];
    return { snapshot, threads, minutes, jobs: pane === 'jobs' || pane === 'failed' ? await this.#jobs() : [] };
  }

  /** Asks for the sums of each minute, of the chosen queue or of all. */
  #minutes(asOf: string): Promise<readonly StatRow[]> {
    const queue = this.#answers === undefined ? undefined : queueOfGraph(this.#answers, this.#choices);
    const { filter } = this.#choices;
    const kinds = {
      ...(queue === undefined ? {} : { queue: exactly(queue) }),
      ...(filter === '' ? {} : { callable: filter }),
    };
    const from = new Date(Date.parse(asOf) - graphMinutes * 60_000);
    return this.#session.callsheet.monitor.stats(kinds, { by: [], from, stepMs: 60_000 });
  }

  async #jobs(): Promise<readonly JobRow[]> {
    const { pane, filter, order } = this.#choices;
    const query: JobQuery = {
      ...(filter === '' ? {} : { callable: filter }),
      ...(pane === 'failed' ? { outcome: 'failure' } : {}),
    };
    const shown = { limit: jobsShown, order: pane === 'failed' ? 'completed' : order } as const;
    return (await this.#session.callsheet.monitor.jobs(query, shown)).items;
  }

  #show(): void {
    if (this.#answers === undefined || this.#isOver) return;
    const choices = this.#choices;
    choices.row = Math.max(0, Math.min(choices.row, countIn(this.#answers, choices.pane) - 1));
    this.#screen.show(frame(this.#answers, choices, this.#out, this.#session, this.#screen));
  }

  async #press(text: string, { name, ctrl = false }: Key): Promise<void> {
    if (ctrl && name === 'c') return this.#end();
    if (this.#typed !== undefined) this.#type(text, name);
    else if (this.#asked !== undefined) await this.#answer(text);
    else await this.#choose(text, name);
    this.#show();
  }

  /** Takes a key of the filter. */
  #type(text: string, name: string | undefined): void {
    const choices = this.#choices;
    const isDone = name === 'return' || name === 'enter' || name === 'escape';
    if (name === 'return' || name === 'enter') choices.filter = this.#typed!;
    else if (name === 'backspace') this.#typed = this.#typed!.slice(0, -1);
    else if (!isDone && !/\p{Cc}/u.test(text)) this.#typed += text;
    choices.message = isDone ? '' : `functions like: ${plain(this.#typed!)}`;
    if (!isDone) return;
    this.#typed = undefined;
    if (choices.pane !== 'jobs' && choices.pane !== 'failed') choices.pane = 'jobs';
    this.#wake();
  }

  /** Does the action that was asked about, if the answer is yes. */
  async #answer(text: string): Promise<void> {
    const act = this.#asked!;
    this.#asked = undefined;
    this.#choices.message = '';
    if (text !== 'y' && text !== 'Y') return;
    this.#choices.message = await act().catch((error: Error) => plain(error.message));
    this.#wake();
  }

  async #choose(text: string, name: string | undefined): Promise<void> {
    const choices = this.#choices;
    choices.message = '';
    switch (name ?? text) {
      case 'q':
        return this.#end();
      case 'escape':
        choices.detail = undefined;
        choices.isGraph = false;
        return;
      case 'up':
      case 'k':
        return this.#move(-1);
      case 'down':
      case 'j':
        return this.#move(1);
      case 'tab':
        choices.pane = panes[(panes.indexOf(choices.pane) + 1) % panes.length]!;
        choices.row = 0;
        choices.detail = undefined;
        return this.#wake();
      case 'space':
        choices.isFrozen = !choices.isFrozen;
        return this.#wake();
      case 'g':
        if (!('directory' in this.#session.place)) {
          choices.message = noSums;
          return;
        }
        choices.isGraph = !choices.isGraph;
        choices.detail = undefined;
        return this.#wake();
      case 's':
        choices.order = orders[(orders.indexOf(choices.order) + 1) % orders.length]!;
        return this.#wake();
      case 'return':
      case 'enter':
        return this.#open();
      case 'c':
      case 'r':
        return this.#askAboutJob(name as 'c' | 'r');
      case 'p':
        return this.#askAboutQueue();
    }
    if (text === '?') [choices.detail, choices.scrolled] = [help, 0];
    if (text === '/') {
      this.#typed = '';
      choices.message = 'functions like: ';
    }
  }

  #move(by: number): void {
    const choices = this.#choices;
    if (choices.detail === undefined) choices.row = Math.max(0, choices.row + by);
    else choices.scrolled = Math.max(0, Math.min(choices.scrolled + by, choices.detail.length - 1));
  }

  /** Shows the chosen job in full. */
  async #open(): Promise<void> {
    const { id } = this.#chosen();
    if (id === undefined) return;
    const choices = this.#choices;
    try {
      choices.detail = await fullLines(this.#session.callsheet, this.#out, id);
      choices.scrolled = 0;
    } catch (error) {
      choices.message = plain((error as Error).message);
    }
  }

  #askAboutJob(key: 'c' | 'r'): void {
    const { id } = this.#chosen();
    if (id === undefined) return;
    const { callsheet } = this.#session;
    this.#choices.message = `${key === 'c' ? 'cancel' : 'retry'} ${id}? y does it`;
    this.#asked = async () => {
      if (key === 'r') return `retried as ${(await callsheet.retry(id)).id}`;
      await callsheet.job(id).cancel();
      return `cancelled ${id}`;
    };
  }

  async #askAboutQueue(): Promise<void> {
    const { queue: name } = this.#chosen();
    if (name === undefined) return;
    const queue = this.#session.callsheet.queue(name);
    // The screen may be older than the last action.
    const { paused: isPaused } = await queue.details();
    this.#choices.message = `${isPaused ? 'resume' : 'pause'} the queue '${escaped(name)}'? y does it`;
    this.#asked = async () => {
      await (isPaused ? queue.resume() : queue.pause());
      return `the queue '${escaped(name)}' ${isPaused ? 'goes on' : 'is paused'}`;
    };
  }

  #chosen(): { id?: string; queue?: string } {
    return this.#answers === undefined ? {} : chosenIn(this.#answers, this.#choices);
  }
}
