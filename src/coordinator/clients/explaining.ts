/** Explains why a job does not run now. Jobs in line are explained by claiming itself. */
import { idToText } from '../../codec/id.js';
import { dispatcherOf } from '../../core/dispatchers.js';
import { queueOf } from '../../core/queue.js';
import {
  type AgentRecord,
  agentDispatcher,
  agentKey,
  agentName,
  type Id,
  isWhole,
  type JobRecord,
  quotaFromKey,
  takesTurns,
} from '../../core/records.js';
import type { View } from '../../core/state/view.js';
import type { ExplainedState, OnThread, Waiting, WireExplanation, WireReason } from '../../protocol/explanation.js';
import type { Records } from '../../store/store.js';
import type { Build } from '../claiming/build.js';
import type { Hindrance } from '../claiming/claiming.js';
import type { Runs } from '../claiming/runs.js';
import type { Context } from '../context.js';
import type { Inquiry } from '../inquiries.js';
import type { AgentQuestions } from '../questions/agent-questions.js';
import { outcomeOf } from './job-filter.js';
import { isoTime, walkMembers } from './job-rows.js';
import { requireJob } from './remembered.js';

/** The most jobs that a reason names, and the most before a job that are counted. */
const most = { named: 10, before: 10_000 };

export interface ExplainingContext extends Pick<Context, 'dispatcher' | 'now'> {
  readonly records: Records;
  readonly runs: Pick<Runs, 'pool' | 'claiming' | 'expectedMs' | 'awaitedInside'>;
  readonly build: Pick<Build, 'knows'>;
  readonly agentQuestions: Pick<AgentQuestions, 'awaitedBy' | 'problemOf'>;
  /** Why this runtime claims nothing at all; `undefined` if it claims. */
  readonly claimsNot: () => 'closing' | 'inactive' | undefined;
  /** `true` if other processes claim from the same records. */
  readonly othersClaim: (view: View) => boolean;
}

export function* explain(context: ExplainingContext, id: Id): Inquiry<WireExplanation> {
  const { records, runs, now } = context;
  const { view } = records;
  const job = requireJob(view, id);
  const thread = runs.pool.threadOf(id);
  const explained = stateOf(job, thread);
  // Of one moment: the state may change between two steps.
  const about = {
    ...{ job: idToText(id), status: job.status, state: explained, outcome: outcomeOf(job), thread },
    started: isoTime(job.firstStartAt),
    ended: isoTime(job.endAt),
    completed: isoTime(job.completedAt),
    asOf: isoTime(now())!,
  };
  const explaining = new Explaining(context);
  const reasons = explaining.reasonsFor(job, explained);
  const more = yield* explaining.walkedReasonsFor(job, explained);
  let position: number | undefined;
  if (job.queued && explained === 'waits') {
    position = 0;
    for (const one of view.line(job.queue)) {
      if (one === job || position === most.before) break;
      if (one !== undefined) position++;
      yield;
    }
  }
  return { ...about, reasons: [...reasons, ...more], position };
}

/** `true` if a part that is not put waits for those before it, not for the whole. */
const isTurnOf = (whole: JobRecord) => whole.form === 'serial' && whole.stage === 'waiting';

function stateOf(job: JobRecord, thread: number | undefined): ExplainedState {
  if (job.status === 'completed' || job.status === 'callbacks') return job.status;
  if (thread !== undefined || (job.claimed && job.begun)) return 'runs';
  return job.claimed ? 'starts' : 'waits';
}

/** Reasons that another process would not have. */
const ofProcess: ReadonlySet<string> = new Set<WireReason['code']>(['threads-busy', 'no-agent']);

class Explaining {
  readonly #context: ExplainingContext;
  readonly #view: View;

  constructor(context: ExplainingContext) {
    this.#context = context;
    this.#view = context.records.view;
  }

  /** The reasons that are found at once. */
  reasonsFor(job: JobRecord, explained: ExplainedState): WireReason[] {
    switch (explained) {
      case 'completed':
      case 'callbacks':
        return [];
      case 'runs': {
        const awaited = this.#context.runs.awaitedInside(job.id);
        return awaited.length === 0 ? [] : [waitsFor('inside', awaited, awaited.length)];
      }
      case 'starts':
        return this.#claimed(job);
      case 'waits':
        return this.#waiting(job);
    }
  }

  #claimed(job: JobRecord): WireReason[] {
    const { build } = this.#context;
    if (takesTurns(job) && !build.knows(job.callable)) return [{ code: 'unknown-callable', callable: job.callable }];
    const dispatcher = agentDispatcher(job.agent);
    if (!this.#view.isActive(dispatcher)) return [{ code: 'inactive' }];
    const name = agentName(job.agent);
    const agent = [...this.#view.agentsOf(dispatcher, job.queue)].find((one) => one.name === name);
    // The agent became smaller after the claim.
    if (agent !== undefined && this.#onThreads(agent) >= agent.size) return [this.#agentFull(agent)];
    return [{ code: 'claimed', agent: name, dispatcher: idToText(dispatcher) }];
  }

  #waiting(job: JobRecord): WireReason[] {
    const { stage, asked, status, role } = job;
    if (stage === 'policy' && asked !== null) {
      const { policy, askedAt, problem, misses } = asked;
      const again = misses > 0 ? until(job.dueAt) : {};
      return [{ code: 'policy', callable: policy, problem: problem || undefined, ...since(askedAt), ...again }];
    }
    if (job.dueAt !== 0) {
      const because = job.attempts > 0 ? 'retry' : 'date';
      return [{ code: 'not-due', because, ...(because === 'date' ? since(job.putAt) : {}), ...until(job.dueAt) }];
    }
    if (job.queued) return this.#inLine(job);
    if (stage === 'inner') return [waitsFor('returned', [job.inner], 1)];
    if (status === 'new') return role === 'root' ? [{ code: 'held' }] : this.#turn(job);
    return [];
  }

  /** The reason of a member whose turn has not come, as far as no walk is needed. */
  #turn(job: JobRecord): WireReason[] {
    const above = this.#view.job(job.parent);
    if (above === undefined) return [];
    if (job.role === 'part') {
      const whole = above.form === 'chunk' ? (this.#view.job(above.parent) ?? above) : above;
      return isTurnOf(above) ? [] : [waitsFor('whole', [whole.id], 1)];
    }
    if (job.role === 'callback') return above.outcome === 'none' ? [waitsFor('call', [above.id], 1)] : [];
    // A side of a pair.
    if (above.outcome !== 'none' || above.status !== 'new') return [{ code: 'not-needed' }];
    return [waitsFor('call', [above.parent], 1)];
  }

  /** The reasons for which members must be looked at. */
  *walkedReasonsFor(job: JobRecord, explained: ExplainedState): Generator<unknown, WireReason[]> {
    if (explained === 'callbacks' && job.cursor !== 0) {
      const parts = yield* this.#members(job, isPart, (one) => one.outcome === 'none');
      return [waitsFor('parts', parts, job.parts - job.cursor)];
    }
    if (explained === 'callbacks') {
      const left = job.callbacks - job.callbacksDone;
      return [waitsFor('callbacks', yield* this.#members(job, isCallback, isUncompleted), left)];
    }
    if (explained !== 'waits') return [];
    const above = this.#view.job(job.parent);
    if (job.status === 'new' && above !== undefined) {
      const isBefore = (one: JobRecord) => one.index < job.index && one.status !== 'completed';
      if (job.role === 'part' && isTurnOf(above)) {
        const before = yield* this.#members(above, isPart, (one) => isBefore(one) && !one.counted);
        return [waitsFor('turn', before, before.length)];
      }
      if (job.role === 'callback' && above.outcome !== 'none') {
        const before = yield* this.#members(above, isCallback, isBefore);
        return [waitsFor('turn', before, before.length)];
      }
      return [];
    }
    if (job.stage !== 'waiting') return [];
    const parts = yield* this.#members(job, isPart, (one) => !one.counted && one.status !== 'completed');
    const isFed = isWhole(job) && job.open && parts.length === 0;
    if (isFed) return [{ code: 'no-input' }];
    return [
      waitsFor('parts', parts, job.form === 'map' ? parts.length : Math.max(parts.length, job.parts - job.partsDone)),
    ];
  }

  /** Returns the first members of a job that fit. */
  *#members(
    above: JobRecord,
    isOne: (job: JobRecord) => boolean,
    fits: (job: JobRecord) => boolean,
  ): Generator<unknown, Id[]> {
    const found: Id[] = [];
    for (const job of walkMembers(this.#view, above.id, false)) {
      if (job !== undefined && isOne(job) && fits(job)) found.push(job.id);
      if (found.length === most.named) break;
      yield;
    }
    return found;
  }

  #inLine(job: JobRecord): WireReason[] {
    const { runs, claimsNot, othersClaim } = this.#context;
    const code = claimsNot();
    if (code !== undefined && runs.pool.size > 0) return [{ code }];
    const reasons = runs.claiming.hindrances(this.#view, job).map((hindrance) => this.#reason(job, hindrance));
    if (code === undefined) return reasons;
    // Without threads, the reasons are those for another process with the same agents.
    const elsewhere = reasons.filter((reason) => !ofProcess.has(reason.code));
    return code === 'inactive' && othersClaim(this.#view) ? elsewhere : [{ code }, ...elsewhere];
  }

  #reason(job: JobRecord, hindrance: Hindrance): WireReason {
    const { queue, callable } = job;
    switch (hindrance.code) {
      case 'store-full':
        return { code: hindrance.code };
      case 'paused':
        return { code: 'paused', queue, ...since(queueOf(this.#view, queue)?.pausedAt ?? 0) };
      case 'no-agent':
        return { code: 'no-agent', queue };
      case 'unknown-callable':
        return { code: 'unknown-callable', callable };
      case 'only': {
        const { dispatcher } = hindrance;
        return { code: 'only', dispatcher: idToText(dispatcher), active: this.#isActive(dispatcher) };
      }
      case 'quota-full':
        return this.#quotaFull(job, hindrance.quota);
      case 'rate': {
        const { name, key } = quotaFromKey(hindrance.quota);
        return { code: 'rate', quota: name, key, ...until(hindrance.opensAt) };
      }
      case 'runs-alone':
        return { code: 'runs-alone', by: idToText(hindrance.by) };
      case 'not-taken':
        return { code: 'not-taken', agent: hindrance.agent.name, term: hindrance.term };
      case 'behind':
        return { code: 'behind', agent: hindrance.agent.name, first: idToText(hindrance.first) };
      case 'quiet':
        return { code: 'quiet' };
      case 'not-asked':
      case 'refused':
      case 'not-chosen':
        return this.#notAnswered(job, hindrance.code, hindrance.agent);
      case 'agent-full':
        return this.#agentFull(hindrance.agent);
      case 'threads-busy': {
        const running = this.#context.runs.pool.running();
        const jobs = running.map(({ run }) => this.#view.job(run.job)).filter((one) => one !== undefined);
        const onThreads = running.slice(0, most.named).map(({ thread, run }) => ({ thread, job: idToText(run.job) }));
        return { code: 'threads-busy', threads: this.#context.runs.pool.size, running: onThreads, ...this.#end(jobs) };
      }
    }
  }

  #isActive(dispatcher: Id): boolean {
    return dispatcherOf(this.#view, dispatcher)?.active === true;
  }

  #quotaFull(job: JobRecord, quota: string): WireReason {
    const { name, key } = quotaFromKey(quota);
    const holders = [...this.#view.holders(job.queue, quota)];
    const { size = 0 } = this.#view.quota(job.queue, quota) ?? {};
    const jobs = holders.slice(0, most.named).map(({ id }) => idToText(id));
    return { code: 'quota-full', quota: name, key, size, jobs, count: holders.length, ...this.#end(holders) };
  }

  /** The number of jobs of an agent that are on threads. */
  #onThreads({ dispatcher, queue, name }: AgentRecord): number {
    const { pool } = this.#context.runs;
    let count = 0;
    for (const { id } of this.#view.running(agentKey(dispatcher, queue, name)))
      if (pool.threadOf(id) !== undefined) count++;
    return count;
  }

  #agentFull({ dispatcher, queue, name, size }: AgentRecord): WireReason {
    const held = [...this.#view.running(agentKey(dispatcher, queue, name))];
    const running: OnThread[] = [];
    for (const { id } of held) {
      const thread = this.#context.runs.pool.threadOf(id);
      if (thread !== undefined && running.length < most.named) running.push({ thread, job: idToText(id) });
    }
    return { code: 'agent-full', agent: name, size, running, count: held.length, ...this.#end(held) };
  }

  #notAnswered(job: JobRecord, code: 'not-asked' | 'refused' | 'not-chosen', agent: AgentRecord): WireReason {
    const { agentQuestions } = this.#context;
    const callable = (code === 'not-chosen' ? agent.chooser : agent.filter?.by) ?? '';
    const awaited = agentQuestions.awaitedBy(this.#view, job).find((one) => one.agent.name === agent.name);
    const problem = awaited?.problem || agentQuestions.problemOf(agent)?.message || undefined;
    const times = awaited === undefined ? {} : { ...since(awaited.since), ...until(awaited.againAt) };
    return { code, agent: agent.name, callable, problem, ...times };
  }

  /**
   * Since when these jobs run, all of them, and when the first of them may end. Short runs have no
   * recorded start.
   */
  #end(jobs: readonly JobRecord[]): { readonly since?: string; readonly estimate?: string } {
    const { runs, now } = this.#context;
    const starts = jobs.map((job) => (job.begun ? job.lastStartAt : 0));
    const ends = jobs.map((job) =>
      job.begun ? job.lastStartAt + runs.expectedMs(job.callable) : Number.POSITIVE_INFINITY,
    );
    const last = starts.length === 0 || starts.includes(0) ? 0 : Math.max(...starts);
    const end = Math.min(Number.POSITIVE_INFINITY, ...ends);
    // A run that takes longer than usual may end at any time.
    const estimate = Number.isFinite(end) ? { estimate: isoTime(Math.max(end, now()))! } : {};
    return { ...since(last), ...estimate };
  }
}

const isPart = ({ role }: JobRecord) => role !== 'callback';
const isCallback = ({ role }: JobRecord) => role === 'callback';
const isUncompleted = ({ status }: JobRecord) => status !== 'completed';

const since = (at: number) => (at === 0 ? {} : { since: isoTime(at)! });
const until = (at: number) => (at === 0 ? {} : { until: isoTime(at)! });

const waitsFor = (what: Waiting, jobs: readonly Id[], count: number): WireReason => ({
  ...{ code: 'waits-for', what, count },
  jobs: jobs.slice(0, most.named).map(idToText),
});
