/**
 * A worker thread's side of what it shares with the coordinator: the board, and a port for
 * questions and answers. All jobs of a thread share one `ThreadContext`; `context.ts` builds the
 * jobs' API on it.
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { Id, LogThreshold } from '../core/records.js';
import type { Board } from '../protocol/board.js';
import type { ThreadMessage, ToThread, WorkerSetup } from '../protocol/dispatch.js';
import { errorFromData } from '../protocol/error-data.js';
import { functionThreshold } from '../protocol/log-levels.js';
import type { WireModule } from '../protocol/messages.js';
import type { RunSpan } from '../protocol/run-span.js';

const linesInSecond = 1000;
const droppedText = (lines: number) =>
  `${lines} lines that jobs wrote were not logged: a thread logs at most ${linesInSecond} lines a second`;

/** Ended runs are sent together: at most this many, within this time if a run ends in it. */
const mostTraced = 64;
const tracedMs = 100;

export interface RunningJob {
  readonly slot: number;
  stop(): void;
}

export class ThreadContext {
  readonly board: Board;
  readonly modules: Readonly<Record<string, WireModule>>;
  readonly #port: MessagePort;
  readonly #answers = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  /** By slot. A map allocates for each job that comes and goes. */
  readonly #jobs: (RunningJob | undefined)[] = [];
  #requests = 0;
  readonly #setup: Omit<WorkerSetup, 'recycle'>;
  #linesSince = 0;
  #lines = 0;
  /** Ended runs that were not sent yet. */
  #traced: RunSpan[] = [];
  #tracedSince = 0;

  constructor(
    board: Board,
    port: MessagePort,
    modules: Readonly<Record<string, WireModule>>,
    setup: Omit<WorkerSetup, 'recycle'>,
  ) {
    this.board = board;
    this.#setup = setup;
    this.modules = modules;
    this.#port = port;
    port.on('message', (message: ToThread) => this.#handle(message));
    port.unref();
  }

  get payloadLimitBytes(): number {
    return this.#setup.payloadLimitBytes;
  }

  get dispatcher(): Id {
    return this.#setup.dispatcher;
  }

  enter(job: RunningJob): void {
    this.#jobs[job.slot] = job;
  }

  leave(job: RunningJob): void {
    this.#jobs[job.slot] = undefined;
  }

  has(job: RunningJob): boolean {
    return this.#jobs[job.slot] === job;
  }

  /** Milliseconds since the epoch. */
  now(): number {
    return Date.now();
  }

  /** The lowest level that jobs of this callable log. */
  logLevelOf(callable: string): LogThreshold {
    const { modules, log } = this.#setup;
    return functionThreshold(modules, callable, log);
  }

  /**
   * Sends a line that a job logged. At most `linesInSecond` lines are sent in a second: nothing
   * ever waits for a log. The lines beyond are counted, and the count is logged.
   */
  log(callable: string, line: string, job: Id): void {
    const now = performance.now();
    if (now - this.#linesSince >= 1000) {
      const dropped = this.#lines - linesInSecond;
      this.#linesSince = now;
      this.#lines = 0;
      if (dropped > 0) this.say(['log', callable, JSON.stringify({ level: 40, msg: droppedText(dropped) }), '']);
    }
    this.#lines++;
    if (this.#lines <= linesInSecond) this.say(['log', callable, line, job]);
  }

  /** Tells the owner's process of an ended run, together with others. */
  traced(run: RunSpan): void {
    this.#traced.push(run);
    if (this.#traced.length >= mostTraced || performance.now() - this.#tracedSince > tracedMs) this.sendTraced();
  }

  sendTraced(): void {
    if (this.#traced.length === 0) return;
    this.say(['traced', this.#traced]);
    this.#traced = [];
    this.#tracedSince = performance.now();
  }

  say(message: ThreadMessage, transfer: ArrayBuffer[] = []): void {
    this.#port.postMessage(message, transfer);
  }

  /** Asks the coordinator and resolves with its answer; the thread's event loop goes on. */
  ask(message: (request: number) => ThreadMessage): Promise<unknown> {
    const request = ++this.#requests;
    return new Promise((resolve, reject) => {
      this.#answers.set(request, { resolve, reject });
      this.say(message(request));
    });
  }

  /** Asks the coordinator and sleeps until it answers, for synchronous handlers. */
  askSync(message: (request: number) => ThreadMessage): unknown {
    const request = ++this.#requests;
    let answer: { value: unknown } | { error: Error } | undefined;
    this.#answers.set(request, {
      resolve: (value) => {
        answer = { value };
      },
      reject: (error) => {
        answer = { error };
      },
    });
    let { rung } = this.board;
    this.say(message(request));
    for (;;) {
      for (let next = receiveMessageOnPort(this.#port); next !== undefined; next = receiveMessageOnPort(this.#port))
        this.#handle(next.message);
      if (answer !== undefined) break;
      this.board.sleep(rung, 1000);
      rung = this.board.rung;
    }
    if ('error' in answer) throw answer.error;
    return answer.value;
  }

  #handle(message: ToThread): void {
    if (message[0] === 'stop') {
      this.#jobs[message[1]]?.stop();
      return;
    }
    const waiting = this.#answers.get(message[1]);
    this.#answers.delete(message[1]);
    if (message[0] === 'answer') waiting?.resolve(message[2]);
    else waiting?.reject(errorFromData(message[2]));
  }
}
