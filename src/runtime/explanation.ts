/** Explanations in sentences. */
import type { Explanation, OnThread, Reason, Waiting, WireExplanation, WireReason } from '../protocol/explanation.js';

export function explanationFrom(wire: WireExplanation): Explanation {
  const reasons = wire.reasons.map((reason): Reason => ({ ...reason, text: textOf(reason) }));
  return { ...wire, reasons, summary: summaryOf(wire, reasons) };
}

function summaryOf(
  { state, outcome, thread, started, completed }: WireExplanation,
  reasons: readonly Reason[],
): string {
  const [first, ...others] = reasons;
  const why =
    first === undefined ? '' : `${first.text}${others.length === 0 ? '' : `, and ${others.length} more reasons`}`;
  switch (state) {
    case 'completed':
      return `The job completed at ${completed}: it ${outcome === 'failure' ? 'failed' : 'succeeded'}.`;
    case 'callbacks':
      return `The call is over, and it ${outcome === 'failure' ? 'failed' : 'succeeded'}: ${why || 'it completes next'}.`;
    case 'runs': {
      const where = thread === undefined ? 'in another process' : `in thread ${thread}`;
      return `The job runs ${where}${started === undefined ? '' : `, first started at ${started}`}${why && `: ${why}`}.`;
    }
    case 'starts':
      return `The job is claimed, and has not begun: ${why}.`;
    case 'waits':
      return why === '' ? 'Nothing keeps the job: it is claimed next.' : `The job waits: ${why}.`;
  }
}

/** Says a reason in a sentence, without its times but the one at which it ends. */
function textOf(reason: WireReason): string {
  switch (reason.code) {
    case 'held':
      return 'it is held, until it is put again';
    case 'no-input':
      return 'the map waits for more items';
    case 'not-needed':
      return 'the other side of its pair runs';
    case 'quiet':
      return 'it may have killed a process, so it begins when no other job runs';
    case 'store-full':
      return 'the disk is full, so no job begins';
    case 'closing':
      return 'the runtime is closing';
    case 'inactive':
      return 'this runtime runs no jobs now';
    case 'paused':
      return `the queue ${quoted(reason.queue)} is paused`;
    case 'no-agent':
      return `this dispatcher has no agent in the queue ${quoted(reason.queue)}`;
    case 'unknown-callable':
      return `this build does not have ${reason.callable}`;
    case 'not-due':
      return `it waits for its ${reason.because}, ${reason.until}`;
    case 'policy':
      return `its retry policy ${reason.callable} is asked${problemOf(reason)}`;
    case 'quota-full': {
      const { size, count, jobs } = reason;
      return `the quota ${quotaOf(reason)} is full (${count} of ${size}): held by ${listed(jobs, count)}`;
    }
    case 'rate':
      return `the quota ${quotaOf(reason)} has no start left until ${reason.until}`;
    case 'only':
      return `only the dispatcher ${reason.dispatcher} may run it, which is ${reason.active ? 'another one' : 'not active'}`;
    case 'not-taken':
      return `the agent ${quoted(reason.agent)} does not take it (${reason.term})`;
    case 'refused':
      return `${reason.callable} has refused it for the agent ${quoted(reason.agent)}`;
    case 'not-asked':
      return `${reason.callable} has not answered the agent ${quoted(reason.agent)} about it${problemOf(reason)}`;
    case 'not-chosen':
      return `${reason.callable} has not chosen it for the agent ${quoted(reason.agent)}${problemOf(reason)}`;
    case 'agent-full':
      return `the agent ${quoted(reason.agent)} has its ${reason.size} jobs${onThreads(reason.running)}`;
    case 'threads-busy':
      return `all ${reason.threads} threads are busy${onThreads(reason.running)}`;
    case 'behind':
      return `job ${reason.first} comes first for the agent ${quoted(reason.agent)}`;
    case 'runs-alone':
      return `job ${reason.by} runs alone, because it may have killed a process`;
    case 'claimed':
      return `the agent ${quoted(reason.agent)} has claimed it, and it begins when its thread is free`;
    case 'waits-for':
      return `it waits for ${waitingTexts[reason.what]} (${listed(reason.jobs, reason.count)})`;
  }
}

const waitingTexts: Readonly<Record<Waiting, string>> = {
  whole: 'the composition that it is a part of',
  turn: 'those before it',
  parts: 'its parts',
  call: 'the end of the call that it is a callback of',
  returned: 'the job that it returned',
  callbacks: 'its callbacks',
  inside: 'a job, inside its function',
};

const quoted = (name: string) => JSON.stringify(name);
const quotaOf = ({ quota, key }: { readonly quota: string; readonly key: string | undefined }) =>
  key === undefined ? quoted(quota) : `${quoted(quota)} of ${quoted(key)}`;
const problemOf = ({ problem }: { readonly problem: string | undefined }) =>
  problem === undefined ? '' : `: ${problem}`;
const onThreads = (running: readonly OnThread[]) =>
  running.length === 0 ? '' : `: ${running.map(({ thread, job }) => `job ${job} in thread ${thread}`).join(', ')}`;

function listed(jobs: readonly string[], count: number): string {
  const more = count - jobs.length;
  return `${jobs.map((job) => `job ${job}`).join(', ') || 'no job'}${more > 0 ? ` and ${more} more` : ''}`;
}
