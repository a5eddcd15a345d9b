/** The health of the runtime and its store, the dispatchers, and the last actions of visitors. */
import type { RuntimeStatus } from '../../protocol/status.js';
import type { Dispatcher } from '../../runtime/dispatcher.js';
import { runtimeOf } from './runtime-status.js';
import type { LoggedAction, Sections, ViewContext } from './view.js';

export type ShownDispatcher = Omit<Dispatcher, 'agents'> & { readonly agents: number };

export interface HealthSections {
  readonly runtime: RuntimeStatus;
  readonly dispatchers: readonly ShownDispatcher[];
  readonly actions: readonly LoggedAction[];
}

export async function health(context: ViewContext): Promise<Sections> {
  const [runtime, dispatchers] = await Promise.all([runtimeOf(context), context.callsheet.dispatchers()]);
  return {
    runtime,
    dispatchers: dispatchers.map(({ agents, ...one }) => ({ ...one, agents: agents.length })),
    actions: [...context.actions],
  } satisfies HealthSections;
}
