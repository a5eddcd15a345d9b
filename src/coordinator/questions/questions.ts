/**
 * The threads in which policies, filters and choosers are asked.
 *
 * They are not the pool's threads: a function that never returns takes its thread with it, which
 * must not be one that runs jobs, and an answer must not wait for an idle thread of the pool. They
 * are started when there is a question. There are at most `mostThreads`, so that one function that
 * hangs does not keep the others waiting.
 */
import { type ResourceLimits, Worker } from 'node:worker_threads';
import {
  defaultImportMs,
  type FromQuestionThread,
  type ModuleSetup,
  type ToQuestionThread,
  type WorkerSetup,
} from '../../protocol/dispatch.js';
import type { Answer, Question } from '../../protocol/questions.js';
import { threadArguments } from '../../protocol/thread-arguments.js';
import { setLongTimeout, type Timer } from '../long-timeout.js';
import { answerMs, type QuestionsPort } from './questions-port.js';

const mostThreads = 2;
/** A thread that does not end within this time is left behind. */
const terminateMs = 2_000;

interface Asked {
  readonly question: Question;
  readonly then: (answer: Answer) => void;
}

interface Thread {
  readonly worker: Worker;
  asked: Asked | undefined;
  timer: Timer | undefined;
}

export interface QuestionsOptions {
  readonly modules: Readonly<Record<string, ModuleSetup>>;
  readonly execArgv: readonly string[];
  readonly resourceLimits: ResourceLimits;
}

export class Questions implements QuestionsPort {
  readonly #options: QuestionsOptions;
  readonly #threads = new Set<Thread>();
  #waiting: Asked[] = [];

  constructor(options: QuestionsOptions) {
    this.#options = options;
  }

  ask(question: Question, then: (answer: Answer) => void): void {
    this.#waiting.push({ question, then });
    this.#next();
  }

  async destroy(): Promise<void> {
    this.#waiting = [];
    const ends = Array.from(this.#threads, (thread) => this.#end(thread));
    let limit: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise<void>((resolve) => {
      limit = setTimeout(resolve, terminateMs);
    });
    await Promise.race([Promise.all(ends), patience]);
    clearTimeout(limit);
  }

  #next(): void {
    while (this.#waiting.length > 0) {
      let thread = [...this.#threads].find(({ asked }) => asked === undefined);
      if (thread === undefined && this.#threads.size < mostThreads) thread = this.#start();
      if (thread === undefined) return;
      thread.asked = this.#waiting.shift()!;
      this.#limit(thread, this.#importMs(thread.asked.question));
      thread.worker.postMessage(thread.asked.question satisfies ToQuestionThread);
    }
  }

  #importMs({ callable }: Question): number {
    return this.#options.modules[callable.slice(0, callable.indexOf('#'))]?.importMs ?? defaultImportMs;
  }

  #start(): Thread {
    const { modules, execArgv, resourceLimits } = this.#options;
    const worker = new Worker(new URL('../../worker/question-thread.js', import.meta.url), {
      workerData: { modules } satisfies Pick<WorkerSetup, 'modules'>,
      resourceLimits,
      ...threadArguments(execArgv),
    });
    const thread: Thread = { worker, asked: undefined, timer: undefined };
    this.#threads.add(thread);
    worker.on('message', (message: unknown) => {
      // Node posts here, too (with --watch, the files that a thread imports), and the modules in
      // the thread may post.
      if (!Array.isArray(message)) return;
      const [what, answer] = message as FromQuestionThread;
      if (what === 'began') this.#limit(thread, answerMs);
      else if (what === 'answer') this.#answered(thread, answer);
    });
    worker.on('error', (error) => this.#lost(thread, `its thread died: ${error.message}`));
    worker.on('exit', (code) => this.#lost(thread, `its thread ended with exit code ${code}`));
    return thread;
  }

  #limit(thread: Thread, ms: number): void {
    thread.timer?.clear();
    thread.timer = setLongTimeout(() => {
      void this.#end(thread);
      this.#answered(thread, { type: 'none', problem: `it has not answered within ${ms} ms` });
    }, ms);
  }

  #answered(thread: Thread, answer: Answer): void {
    const { asked } = thread;
    thread.timer?.clear();
    thread.asked = undefined;
    this.#next();
    asked?.then(answer);
  }

  #lost(thread: Thread, problem: string): void {
    if (this.#threads.delete(thread)) this.#answered(thread, { type: 'none', problem });
  }

  #end(thread: Thread): Promise<number> {
    thread.timer?.clear();
    this.#threads.delete(thread);
    thread.worker.removeAllListeners('message');
    return thread.worker.terminate();
  }
}
