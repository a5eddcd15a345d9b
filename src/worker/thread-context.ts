/**
 * The thread's side of what it shares with the coordinator: the board, and a port for what is asked
 * and answered. All jobs of the thread have one; what a job can do with it is in `context.ts`.
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { Board } from '../protocol/board.js';
import type { ThreadMessage, ToThread, WorkerSetup } from '../protocol/dispatch.js';
import { errorFromData } from '../protocol/error-data.js';
import type { LogThreshold, WireModule } from '../protocol/messages.js';

const linesInSecond = 1000;
const droppedText = (lines: number) =>
  `${lines} lines that jobs wrote were not logged: at most ${linesInSecond} of a thread are in a second`;

/** What is told a job that runs in the thread. */
export interface RunningJob {
  /** Its place on the board. */
  readonly slot: number;
  /** It is to stop. */
  stop(): void;
}

export class ThreadContext {
  readonly board: Board;
  readonly modules: Readonly<Record<string, WireModule>>;
  readonly #port: MessagePort;
  readonly #answers = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  readonly #jobs = new Map<number, RunningJob>();
  #requests = 0;
  readonly #setup: Omit<WorkerSetup, 'recycle'>;
  #linesSince = 0;
  #lines = 0;

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

  /** See `OpenOptions`. */
  get payloadLimitBytes(): number {
    return this.#setup.payloadLimitBytes;
  }

  enter(job: RunningJob): void {
    this.#jobs.set(job.slot, job);
  }

  leave(job: RunningJob): void {
    this.#jobs.delete(job.slot);
  }

  /** Whether it is still running. */
  has(job: RunningJob): boolean {
    return this.#jobs.get(job.slot) === job;
  }

  /** What the clock shows, in milliseconds since the epoch. */
  now(): number {
    return Date.now();
  }

  /** From which level on jobs of this callable write. */
  logLevelOf(callable: string): LogThreshold {
    const { modules, log } = this.#setup;
    return modules[callable.slice(0, callable.indexOf('#'))]?.log ?? log;
  }

  /**
   * A job wrote a line to its logger. So many are passed on in a second: nothing waits for a log,
   * and what is beyond that is counted.
   */
  log(callable: string, line: string): void {
    const now = performance.now();
    if (now - this.#linesSince >= 1000) {
      const dropped = this.#lines - linesInSecond;
      this.#linesSince = now;
      this.#lines = 0;
      if (dropped > 0) this.say(['log', callable, JSON.stringify({ level: 40, msg: droppedText(dropped) })]);
    }
    this.#lines++;
    if (this.#lines <= linesInSecond) this.say(['log', callable, line]);
  }

  say(message: ThreadMessage, transfer: ArrayBuffer[] = []): void {
    this.#port.postMessage(message, transfer);
  }

  /** Asks the coordinator; the thread's loop goes on meanwhile. */
  ask(message: (request: number) => ThreadMessage): Promise<unknown> {
    const request = ++this.#requests;
    return new Promise((resolve, reject) => {
      this.#answers.set(request, { resolve, reject });
      this.say(message(request));
    });
  }

  /** Asks the coordinator and sleeps until it answers: for synchronous handlers. */
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
      this.#jobs.get(message[1])?.stop();
      return;
    }
    const waiting = this.#answers.get(message[1]);
    this.#answers.delete(message[1]);
    if (message[0] === 'answer') waiting?.resolve(message[2]);
    else waiting?.reject(errorFromData(message[2]));
  }
}
