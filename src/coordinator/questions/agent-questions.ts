/**
 * Asks the filters and choosers of agents that are functions, and keeps their answers and problems.
 *
 * A filter is asked about many jobs at a time, in the order of the line, and not before they could
 * be claimed. Its verdict about a job is noted in the job's lane (`Store.judge`) until the job
 * leaves the lane. A chooser is asked about the first jobs in line, and again when these jobs or
 * the running jobs of its agent change. Claiming never waits for an answer: an agent goes on with
 * jobs that it is known to take, other agents with theirs. A function that fails is asked again
 * after growing delays.
 */

import { type AgentRecord, agentKey, type Id, type JobRecord } from '../../core/records.js';
import { goesBefore, type Lane } from '../../core/state/lanes.js';
import type { View } from '../../core/state/view.js';
import type { Answer, Question, Verdict, WireAskedJob } from '../../protocol/questions.js';
import type { Records } from '../../store/store.js';
import type { Context } from '../context.js';
import { askedJob } from './policy-questions.js';

export interface AgentProblem {
  readonly message: string;
  readonly since: number;
}

/**
 * How a chooser's answer is used: for the first job of a request, for a further one, or only to
 * look. An answer is used for one job in any case, whatever changed meanwhile.
 */
export type AnswerUse = 'first' | 'again' | 'peek';

/** The most jobs in one question, and the most bytes of their arguments. */
const mostJobs = 256;
const mostBytes = 1024 * 1024;
const windowJobs = 100;
const backoff = { initialMs: 1000, mostMs: 600_000 };

/** The state of an agent with functions to ask. */
interface Judge {
  agent: AgentRecord;
  /** The prefix of its verdicts in a lane. */
  readonly sign: string;
  /** The jobs of the question that is out, and since when. */
  out: { readonly jobs: ReadonlySet<Id>; readonly since: number } | undefined;
  /**
   * The most jobs in its next question. After a question without an answer it is 1, so that one bad
   * job does not keep the others waiting.
   */
  most: number;
  problem: AgentProblem | undefined;
  /** The number of consecutive questions with a problem. */
  misses: number;
  notBefore: number;
  /** Jobs for which the filter threw; they are asked about again at `againAt`. */
  readonly erred: Set<Id>;
  againAt: number;
  /**
   * The last answer of a chooser, the situation that it was asked about, and whether the answer is
   * unused.
   */
  chosen: readonly Id[];
  askedAbout: string;
  isFresh: boolean;
}

export class AgentQuestions {
  readonly #context: Context;
  /** The functions of this build. */
  readonly #callables: ReadonlySet<string>;
  /** By queue and name of the agent. */
  readonly #judges = new Map<string, Map<string, Judge>>();
  #signs = 0;

  constructor(context: Context, callables: ReadonlySet<string>) {
    this.#context = context;
    this.#callables = callables;
  }

  /** Returns the agent's judge, if it has functions to ask. Changed functions get a new judge. */
  #judgeOf(agent: AgentRecord): Judge | undefined {
    const { dispatcher, queue, name, filter, chooser } = agent;
    if (dispatcher !== this.#context.dispatcher || !this.isAsked(agent)) return undefined;
    const judges = this.#judges.get(queue) ?? new Map<string, Judge>();
    this.#judges.set(queue, judges);
    const there = judges.get(name);
    if (there?.agent === agent) return there;
    const isSame = there?.agent.chooser === chooser && JSON.stringify(there?.agent.filter) === JSON.stringify(filter);
    const judge = isSame && there !== undefined ? there : this.#newJudge(agent);
    judge.agent = agent;
    judges.set(name, judge);
    return judge;
  }

  settingsChanged(): void {
    for (const queue of [...this.#judges.keys()]) this.agentsChanged(queue);
  }

  /**
   * Notes that agents of a queue may have changed: judges of functions that are asked no more are
   * dropped.
   */
  agentsChanged(queue: string): void {
    const judges = this.#judges.get(queue);
    if (judges === undefined) return;
    for (const [name, { agent }] of judges) {
      const now = this.#context.store.local.setting(keyOf(agent)) as AgentRecord | undefined;
      if (now === undefined || this.#judgeOf(now) === undefined) judges.delete(name);
    }
    if (judges.size === 0) this.#judges.delete(queue);
  }

  /** The problem of an agent's function; `undefined` if none. */
  problemOf(agent: AgentRecord): AgentProblem | undefined {
    return this.#judgeOf(agent)?.problem;
  }

  isAsked({ filter, chooser }: AgentRecord): boolean {
    return filter?.by !== undefined || chooser !== undefined;
  }

  /**
   * The next job that the agent is known to take, among the lanes that its filter's data allows.
   */
  next(view: View, agent: AgentRecord, takes: (lane: Lane) => boolean, use: AnswerUse): JobRecord | undefined {
    const judge = this.#judgeOf(agent);
    if (judge === undefined) return undefined;
    const known = this.#known(judge, takes);
    if (agent.chooser === undefined) return view.firstQueued(agent.queue, known, this.#context.now());
    if (use === 'again' || (use === 'first' && !judge.isFresh)) this.#look(view, judge, known);
    for (const id of judge.chosen) {
      const job = view.job(id);
      const lane = job === undefined ? undefined : view.laneOf(job);
      if (lane !== undefined && known(lane) && view.hasRoom(job!, this.#context.now())) return job;
    }
    return undefined;
  }

  /** `true` if the agent's filter function takes the job of this lane. A chooser only prefers. */
  accepts(agent: AgentRecord, lane: Lane): boolean {
    const judge = this.#judgeOf(agent);
    return judge === undefined ? !this.isAsked(agent) : this.#known(judge, () => true)(lane);
  }

  /** `true` if the agent's filter function has refused the job of this lane. */
  hasRefused(agent: AgentRecord, lane: Lane): boolean {
    const judge = this.#judgeOf(agent);
    return judge !== undefined && lane.verdicts.includes(token(judge.sign, '-'));
  }

  /**
   * Asks for an agent with room about the jobs before all that it is known to take. Its request has
   * ended.
   */
  ask(agent: AgentRecord, takes: (lane: Lane) => boolean): void {
    const judge = this.#judgeOf(agent);
    if (judge === undefined) return;
    judge.isFresh = false;
    if (judge.out !== undefined || this.#context.now() < judge.notBefore) return;
    if (agent.filter?.by !== undefined) this.#askFilter(judge, agent.filter.by, takes);
    if (agent.chooser !== undefined && judge.out === undefined) this.#askChooser(judge, agent.chooser, takes);
  }

  /** Moves the times of asking again by as much as the clock was set. */
  clockSet(byMs: number): void {
    for (const judges of this.#judges.values()) {
      for (const judge of judges.values()) {
        judge.notBefore += byMs;
        judge.againAt += byMs;
      }
    }
  }

  /** The agents that this job waits for until their functions answer, with their problems. */
  awaitedBy(
    view: View,
    job: JobRecord,
  ): { agent: AgentRecord; callable: string; since: number; problem: string; againAt: number }[] {
    const lane = view.laneOf(job);
    if (lane === undefined) return [];
    const found = [];
    for (const { agent, out, problem, notBefore, againAt, sign } of this.#judges.get(job.queue)?.values() ?? []) {
      const isErred = lane.verdicts.includes(token(sign, '!'));
      const isOut = out?.jobs.has(job.id) === true;
      const isKept = problem !== undefined && !lane.verdicts.includes(` ${sign}`);
      if (!isErred && !isOut && !isKept) continue;
      const since = isOut ? out.since : problem!.since;
      const callable = (lane.verdicts.includes(token(sign, '+')) ? agent.chooser : agent.filter?.by) ?? agent.chooser!;
      const next = isOut ? 0 : isErred ? againAt : notBefore;
      found.push({ agent, callable, since, problem: problem?.message ?? '', againAt: next });
    }
    return found;
  }

  #newJudge(agent: AgentRecord): Judge {
    return {
      agent,
      sign: `${++this.#signs}:`,
      out: undefined,
      most: mostJobs,
      problem: undefined,
      misses: 0,
      notBefore: 0,
      erred: new Set(),
      againAt: 0,
      chosen: [],
      askedAbout: '',
      isFresh: false,
    };
  }

  /** Restricts `takes` to the lanes that the judge's filter has accepted. */
  #known({ agent, sign }: Judge, takes: (lane: Lane) => boolean): (lane: Lane) => boolean {
    if (agent.filter?.by === undefined) return takes;
    const yes = token(sign, '+');
    return (lane) => lane.verdicts.includes(yes) && takes(lane);
  }

  #askFilter(judge: Judge, callable: string, takes: (lane: Lane) => boolean): void {
    const tell = (_: unknown, asked?: readonly AskedAbout[] | undefined) => {
      if (asked !== undefined && judge.out === undefined) this.#putFilter(judge, callable, asked);
    };
    const look = (records: Records) => this.#jobsToAskAbout(records, judge, takes);
    this.#context.store.read(look, tell, 'decided');
  }

  /** Returns the jobs of the next question of a filter; `undefined` if none must be asked about. */
  #jobsToAskAbout(records: Records, judge: Judge, takes: (lane: Lane) => boolean): readonly AskedAbout[] | undefined {
    const { view } = records;
    const { agent, sign } = judge;
    const { queue } = agent;
    const time = this.#context.now();
    const [erred, any] = [token(sign, '!'), ` ${sign}`];
    const isNew = (lane: Lane) => takes(lane) && !lane.verdicts.includes(any);
    const isErred = (lane: Lane) => takes(lane) && lane.verdicts.includes(erred);
    let isOpen = isNew;
    let first = view.firstQueued(queue, isNew, time);
    // Jobs for which the filter threw are asked about only if there is no new job.
    if (first === undefined && judge.erred.size > 0 && judge.againAt <= time) {
      isOpen = isErred;
      first = view.firstQueued(queue, isErred, time);
    }
    if (first === undefined) return undefined;
    const known = view.firstQueued(queue, this.#known(judge, takes), time);
    if (known !== undefined && !goesBefore(first, known)) return undefined;
    const jobs: AskedAbout[] = [];
    let bytes = 0;
    for (const job of view.firstManyQueued(queue, isOpen, judge.most, time)) {
      bytes += job.args?.byteLength ?? 0;
      if (jobs.length > 0 && bytes > mostBytes) break;
      const { id, args, eligible, priority, quotas } = job;
      jobs.push({ asked: askedJob(records, job), id, args, eligible, priority, quotas });
    }
    return jobs;
  }

  #putFilter(judge: Judge, callable: string, jobs: readonly AskedAbout[]): void {
    const question: Question = { type: 'filter', callable, jobs: jobs.map(({ asked }) => asked) };
    const ids = jobs.map(({ id }) => id);
    this.#put(judge, question, ids, (answer, done) => {
      if (answer.type !== 'filter') {
        // One job may be the cause: they are asked about one by one, and only that one is left
        // waiting.
        judge.most = 1;
        this.#missed(judge, answer.type === 'none' ? answer.problem : 'it answered another question', true);
        return jobs.length === 1 ? this.#note(judge, jobs, ['!'], done) : done();
      }
      judge.most = Math.min(mostJobs, judge.most * 2);
      if (answer.problem !== '') this.#missed(judge, answer.problem, false);
      this.#note(judge, jobs, answer.verdicts, () => {
        if (answer.problem === '') this.#isWell(judge);
        done();
      });
    });
  }

  #askChooser(judge: Judge, callable: string, takes: (lane: Lane) => boolean): void {
    const { agent } = judge;
    const { queue, name, size } = agent;
    const known = this.#known(judge, takes);
    const look = (records: Records) => {
      const { view } = records;
      const about = this.#about(view, judge, known);
      const waiting = view.firstManyQueued(queue, known, windowJobs, this.#context.now());
      if (about === judge.askedAbout || waiting.length === 0) return undefined;
      const jobs = (list: Iterable<JobRecord>) => Array.from(list, (job) => askedJob(records, job));
      return { about, waiting: jobs(waiting), running: jobs(view.running(keyOf(agent))) };
    };
    const tell = (_: unknown, found?: ReturnType<typeof look>) => {
      if (found === undefined || judge.out !== undefined) return;
      const { about, waiting, running } = found;
      judge.askedAbout = about;
      const question: Question = { type: 'chooser', callable, agent: name, size, waiting, running };
      const ids = waiting.map(({ id }) => id);
      this.#put(judge, question, ids, (answer, done) => {
        if (answer.type !== 'chooser') {
          judge.askedAbout = '';
          this.#missed(judge, answer.type === 'none' ? answer.problem : 'it answered another question', true);
          return done();
        }
        judge.chosen = answer.chosen;
        judge.isFresh = true;
        this.#isWell(judge);
        done();
      });
    };
    this.#context.store.read(look, tell, 'decided');
  }

  /**
   * Drops the last answer of a chooser when the situation has changed. The situation is dropped,
   * too: it may come back, when a claimed job returns to its line, and must be asked about again.
   */
  #look(view: View, judge: Judge, known: (lane: Lane) => boolean): void {
    if (judge.chosen.length === 0 || this.#about(view, judge, known) === judge.askedAbout) return;
    judge.chosen = [];
    judge.askedAbout = '';
  }

  /** The situation that a chooser would be asked about now, as a text. */
  #about(view: View, { agent }: Judge, known: (lane: Lane) => boolean): string {
    const waiting = view.firstManyQueued(agent.queue, known, windowJobs, this.#context.now());
    const ids = (jobs: Iterable<JobRecord>) => Array.from(jobs, ({ id }) => id).join('');
    return `${ids(waiting)} ${ids(view.running(keyOf(agent)))}`;
  }

  #put(judge: Judge, question: Question, jobs: readonly Id[], then: (answer: Answer, done: () => void) => void): void {
    const { questions, now, turn } = this.#context;
    judge.out = { jobs: new Set(jobs), since: now() };
    const end = (answer: Answer) => {
      const done = () => {
        judge.out = undefined;
        turn();
      };
      // The judge was replaced meanwhile.
      if (this.#judges.get(judge.agent.queue)?.get(judge.agent.name) !== judge) return done();
      then(answer, done);
    };
    if (this.#callables.has(question.callable)) questions.ask(question, end);
    else end({ type: 'none', problem: 'this build has no such function' });
  }

  /** Notes verdicts about jobs that have not changed since they were asked about. */
  #note(judge: Judge, asked: readonly AskedAbout[], verdicts: readonly Verdict[], then: () => void): void {
    const { store } = this.#context;
    const look = (records: Records) =>
      asked.map((about, index) => {
        const job = records.view.job(about.id);
        return job !== undefined && isSame(records, job, about)
          ? { job, verdicts: this.#noted(judge, records.view.laneOf(job)!, verdicts[index]!) }
          : undefined;
      });
    const tell = (_: unknown, noted: ReturnType<typeof look> = []) => {
      for (const [index, one] of noted.entries()) {
        if (one === undefined) continue;
        if (verdicts[index] === '!') judge.erred.add(one.job.id);
        else judge.erred.delete(one.job.id);
        store.judge(one.job, one.verdicts);
      }
      then();
    };
    store.read(look, tell, 'decided');
  }

  /** Adds a verdict to those of a lane. Verdicts of judges that are gone are left out. */
  #noted({ agent, sign }: Judge, lane: Lane, verdict: Verdict): string {
    const judges = this.#judges.get(agent.queue)?.values() ?? [];
    const signs = new Set(Array.from(judges, (judge) => judge.sign));
    const others = lane.verdicts.split(' ').filter((one) => one.slice(0, -1) !== sign && signs.has(one.slice(0, -1)));
    return ` ${[...others, `${sign}${verdict}`].join(' ')} `;
  }

  /** Notes a problem of an answer: with the whole question (`all`), or with some of its jobs. */
  #missed(judge: Judge, message: string, all: boolean): void {
    const { now, after, turn, post } = this.#context;
    const { agent, problem, misses } = judge;
    const delayMs = Math.min(backoff.mostMs, backoff.initialMs * 2 ** misses);
    judge.misses = misses + 1;
    judge.problem = { message, since: problem?.since ?? now() };
    const at = now() + delayMs;
    judge.againAt = at;
    if (all) judge.notBefore = at;
    const who = `the agent ${JSON.stringify(agent.name)} in the queue ${JSON.stringify(agent.queue)}`;
    const what = [agent.filter?.by, agent.chooser].filter((name) => name !== undefined).join(', ');
    post(['log', 'fatal', `${who} cannot ask ${what}: ${message}`, what]);
    after(delayMs, turn);
  }

  /** Notes a good answer. The problem ends if no job in line is left for which the filter threw. */
  #isWell(judge: Judge): void {
    const isErred = (view: View, id: Id) => {
      const job = view.job(id);
      return job !== undefined && view.laneOf(job)?.verdicts.includes(token(judge.sign, '!')) === true;
    };
    const look = ({ view }: Records) => [...judge.erred].filter((id) => !isErred(view, id));
    const tell = (_: unknown, gone: readonly Id[] = []) => {
      for (const id of gone) judge.erred.delete(id);
      if (judge.erred.size > 0) return;
      judge.problem = undefined;
      judge.misses = 0;
    };
    this.#context.store.read(look, tell, 'decided');
  }
}

/** A job in a question, as a filter sees it. */
interface AskedAbout extends Pick<JobRecord, 'id' | 'args' | 'eligible' | 'priority' | 'quotas'> {
  readonly asked: WireAskedJob;
}

/** `true` if the job is in line, and as it was when it was asked about. */
function isSame(records: Records, job: JobRecord, { asked, args, eligible, priority, quotas }: AskedAbout): boolean {
  if (!job.queued || job.eligible !== eligible || job.priority !== priority || job.queue !== asked.queue) return false;
  if (job.quotas.length !== quotas.length || job.quotas.some((quota, index) => quota !== quotas[index])) return false;
  if (job.args === args || job.args === null || asked.args === null) return job.args === args;
  return Buffer.compare(records.bytes(job.args), asked.args) === 0;
}

const keyOf = ({ dispatcher, queue, name }: AgentRecord) => agentKey(dispatcher, queue, name);
const token = (sign: string, verdict: Verdict) => ` ${sign}${verdict} `;
