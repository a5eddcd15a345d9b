/**
 * `callsheet work`: a process that runs jobs under a supervisor.
 *
 * The first SIGTERM or SIGINT ends it in good order: it claims no more jobs, and gives back those
 * that still run after the grace. The second ends it at once. SIGUSR2 logs its state.
 */
import { closeSync, existsSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import type { Logger } from 'pino';
import type { Level } from '../core/records.js';
import { reasonOf } from '../journal/directory.js';
import { open } from '../runtime/open.js';
import type { Queue } from '../runtime/queue.js';
import type { Runtime } from '../runtime/runtime.js';
import { CommandError, exitCodes } from './exit.js';
import { jobModules } from './job-modules.js';
import { type LogOptions, makeLogger } from './logger.js';
import { type PlaceOptions, placeField, placeOf } from './place.js';
import type { Address, AgentSize } from './values.js';

export interface WorkOptions extends LogOptions, PlaceOptions {
  readonly jobs: readonly string[];
  readonly threads?: number;
  readonly concurrency?: number;
  readonly agent: readonly AgentSize[];
  readonly grace: number;
  readonly healthFile?: string;
  readonly once?: boolean;
  readonly standby?: boolean;
  readonly durability?: Level;
  readonly web?: Address;
  readonly write?: boolean;
}

const stopSignals = ['SIGTERM', 'SIGINT'] as const;
const healthMs = 5_000;
/** The least time between two warnings of the health file. */
const healthWarningMs = 60_000;

/** Works until it is stopped, and returns the exit code. */
export async function work(options: WorkOptions): Promise<number> {
  const { threads, concurrency, durability, grace, healthFile } = options;
  const place = placeOf(options);
  const where = placeField(place);
  if (options.standby === true && !('directory' in place))
    throw new CommandError(exitCodes.usage, '--standby is for a directory: any number of workers share a database');
  const logger = makeLogger(options);
  if (healthFile !== undefined) checkHealthFile(healthFile);
  const stopped = untilSignal(logger);
  if (options.standby === true) logger.info(where, 'the worker stands by');
  const opening = open({
    ...place,
    jobs: await jobModules(options.jobs),
    logger,
    ...(options.standby === true ? { share: 'standby' } : {}),
    ...(threads === undefined ? {} : { threads }),
    ...(concurrency === undefined ? {} : { agent: { size: concurrency } }),
    ...(durability === undefined ? {} : { durability }),
  });
  const callsheet = await Promise.race([opening, stopped]);
  if (typeof callsheet === 'string') {
    logger.info({ why: callsheet }, 'the worker ends before it is ready');
    process.exit(exitCodes.done);
  }
  for (const { queue, size } of options.agent) {
    if (queue !== '') await callsheet.createQueue(queue);
    await callsheet.queue(queue).setAgent('main', { size });
  }
  const { jobs, unfinished } = callsheet.found;
  const health = watchHealth(callsheet, healthFile, logger);
  const showState = stateLog(callsheet, logger);
  process.on('SIGUSR2', showState);
  logger.info({ ...where, id: callsheet.id, jobs, unfinished }, 'the worker is ready');
  const page = options.web === undefined ? undefined : await servePage(callsheet, options.web, options.write, logger);
  const ends: Promise<string>[] = [stopped, health.failed];
  if (options.once === true) ends.push(drained(callsheet, logger));
  const why = await Promise.race(ends);
  health.stop();
  page?.close();
  process.off('SIGUSR2', showState);
  logger.info({ why, graceMs: grace }, 'the worker ends');
  const { interrupted, error, hangingThreads } = await callsheet.close({ graceMs: grace });
  if (error !== undefined) logger.fatal({ err: error }, 'the runtime has ended on an error');
  else logger.info({ interrupted }, interrupted === 0 ? 'the worker has ended' : 'running jobs were given back');
  const hasFailed = error !== undefined || why === noAnswer;
  const code = hasFailed ? exitCodes.internal : interrupted > 0 ? exitCodes.givenBack : exitCodes.done;
  // A thread that hangs in a system call would keep the process alive.
  if (hangingThreads.length > 0) process.exit(code);
  return why === leftJobs ? exitCodes.failed : code;
}

/** Serves the page while the worker works. */
async function servePage(
  callsheet: Runtime,
  { host, port }: Address,
  write: boolean | undefined,
  logger: Logger,
): Promise<{ close(): void }> {
  const { publicWarning, serve } = await import('../web/serve.js');
  const onLink = (link: string) => logger.info({ link }, 'the page can be opened once by this link');
  const served = await serve(callsheet, { host, port, write: write === true, onLink });
  if (served.isPublic) logger.warn({ host }, publicWarning);
  return served;
}

/** Resolves at the first signal. The second ends the process at once. */
function untilSignal(logger: Logger): Promise<string> {
  return new Promise((resolve) => {
    let isStopping = false;
    for (const signal of stopSignals) {
      process.on(signal, () => {
        if (isStopping) {
          logger.warn({ signal }, 'the worker ends at once');
          process.exit(128 + constants.signals[signal]);
        }
        isStopping = true;
        resolve(signal);
      });
    }
  });
}

const leftJobs = 'no job is left that it can run';

/** Resolves when no job is left to run in any queue. */
async function drained(callsheet: Runtime, logger: Logger): Promise<string> {
  const { left } = await callsheet.drain();
  if (left.length === 0) return 'no job is left';
  logger.warn({ left }, 'jobs are left whose functions this worker does not have');
  return leftJobs;
}

const noAnswer = 'the runtime does not answer';

/** Refuses a health file that cannot be written. One that is not there is not left behind. */
function checkHealthFile(file: string): void {
  const isThere = existsSync(file);
  try {
    closeSync(openSync(file, 'a'));
    if (!isThere) rmSync(file);
  } catch (error) {
    throw new CommandError(exitCodes.configuration, `the health file ${file} cannot be written: ${reasonOf(error)}`);
  }
}

/**
 * Writes the health file while the runtime answers; `failed` resolves when it does not. A file that
 * cannot be written any more becomes old, which its reader sees, so the worker only warns.
 */
function watchHealth(
  callsheet: Runtime,
  file: string | undefined,
  logger: Logger,
): { failed: Promise<string>; stop(): void } {
  let timer: NodeJS.Timeout | undefined;
  let warned = Number.NEGATIVE_INFINITY;
  const touch = (work: (file: string) => void) => {
    if (file === undefined) return;
    try {
      work(file);
    } catch (err) {
      if (performance.now() - warned < healthWarningMs) return;
      warned = performance.now();
      logger.warn({ err, file }, 'the health file cannot be written');
    }
  };
  const failed = new Promise<string>((resolve) => {
    const look = async () => {
      try {
        const { jobs } = await callsheet.stats();
        const state = { at: new Date().toISOString(), pid: process.pid, id: callsheet.id, jobs };
        touch((file) => writeFileSync(file, `${JSON.stringify(state)}\n`));
      } catch (err) {
        logger.error({ err }, noAnswer);
        resolve(noAnswer);
      }
    };
    timer = setInterval(look, healthMs);
    void look();
  });
  return {
    failed,
    stop: () => {
      clearInterval(timer);
      touch((file) => rmSync(file, { force: true }));
    },
  };
}

/**
 * Returns a function that logs the length of each queue, and the running jobs of each agent. It
 * does nothing while an earlier call is under way.
 */
function stateLog(callsheet: Runtime, logger: Logger): () => Promise<void> {
  let isUnderWay = false;
  return async () => {
    if (isUnderWay) return;
    isUnderWay = true;
    try {
      const names = await callsheet.queues();
      const queues = await Promise.all(names.map((name) => stateOf(callsheet.queue(name))));
      logger.info({ queues }, 'the state of the worker');
    } catch (error) {
      logger.error({ err: error }, 'the state cannot be read');
    } finally {
      isUnderWay = false;
    }
  };
}

async function stateOf(queue: Queue): Promise<object> {
  const agents = await queue.agents();
  return {
    name: queue.name,
    length: await queue.length(),
    agents: agents.map(({ name, size, running }) => ({ name, size, running: running.length })),
  };
}
