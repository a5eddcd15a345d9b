/**
 * The functions of job modules that unfinished jobs, schedules and settings name, so that a build
 * can be checked before it is deployed.
 */
import { decodePayload } from '../../codec/payload.js';
import { isOwnPolicy } from '../../core/policy.js';
import type { RetryDefaults, ScheduleRecord, SettingRecord } from '../../core/records.js';
import type { StoredTemplate, WireJob } from '../../protocol/messages.js';
import type { FunctionUse, NeededFunction } from '../../protocol/monitor.js';
import type { Records } from '../../store/store.js';
import type { Inquiry } from '../inquiries.js';
import { isInternal } from './job-rows.js';
import { requireJob } from './remembered.js';

export function* neededFunctions(records: Records): Inquiry<NeededFunction[]> {
  const found = new Map<string, { -readonly [field in keyof NeededFunction]: NeededFunction[field] }>();
  const add = (needed: Omit<NeededFunction, 'jobs'>, jobs: number) => {
    const { callable, queue, use, agent, schedule } = needed;
    const key = JSON.stringify([callable, queue, use, agent, schedule]);
    const there = found.get(key);
    if (there === undefined) found.set(key, { ...needed, jobs });
    else there.jobs += jobs;
  };
  for (const job of records.view.jobsAfter('')) {
    yield;
    if (isInternal(job) || job.outcome !== 'none') continue;
    const { callable, policy, queue } = job;
    if (callable !== '') add({ callable, queue, use: 'call' }, 1);
    if (isOwnPolicy(policy)) add({ callable: policy, queue, use: 'retry' }, 1);
  }
  for (const setting of records.view.settings()) {
    yield;
    const uses = setting.kind === 'schedule' ? usesOfTemplate(records, setting) : usesOf(setting);
    const of = {
      queue: 'queue' in setting ? setting.queue : '',
      ...(setting.kind === 'agent' ? { agent: setting.name } : {}),
      ...(setting.kind === 'schedule' ? { schedule: setting.name } : {}),
    };
    for (const [use, callable] of uses) add({ callable, use, ...of }, 0);
  }
  return [...found.values()].sort((a, b) => b.jobs - a.jobs);
}

type Use = readonly [use: FunctionUse, callable: string];

function* usesOf(setting: SettingRecord): Iterable<Use> {
  if (setting.kind === 'agent') {
    if (setting.filter?.by !== undefined) yield ['filter', setting.filter.by];
    if (setting.chooser !== undefined) yield ['choose', setting.chooser];
  }
  if (setting.kind === 'agent' || setting.kind === 'defaults') yield* usesOfDefaults(setting.retry);
}

function* usesOfDefaults({ jobs = '', callbacks = '' }: RetryDefaults): Iterable<Use> {
  for (const policy of [jobs, callbacks]) if (isOwnPolicy(policy)) yield ['retry', policy];
}

function* usesOfTemplate(records: Records, { template }: ScheduleRecord): Iterable<Use> {
  const { args } = requireJob(records.view, template);
  yield* usesOfJob((decodePayload(records.bytes(args!)) as StoredTemplate).job);
}

function* usesOfJob([, , callable, , options, parts, callbacks]: WireJob): Iterable<Use> {
  if (callable !== '') yield ['call', callable];
  const policy = options?.policy ?? '';
  if (isOwnPolicy(policy)) yield ['retry', policy];
  for (const member of [...parts, ...callbacks]) yield* usesOfJob(member);
}
