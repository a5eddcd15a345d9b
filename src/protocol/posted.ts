/**
 * Puts as users write them within transactions of their own. They outlive the process, and other
 * builds read them: the database has the version of this form beside them.
 */
import type { Command } from '../core/commands.js';
import type { Id, Level, Payload } from '../core/records.js';
import { commandFromWire } from './commands.js';
import { packClientMessages, unpackClientMessages } from './message-runs.js';
import type { WireJob } from './messages.js';
import { messageFromOutside } from './outside.js';

export const packPosted = (queue: string, level: Level, jobs: WireJob[]): Uint8Array =>
  packClientMessages([['do', 1, level, { type: 'put', queue, jobs }]]);

/** Throws `BadMessageError`, or an error of the decoder. */
export function postedCommand(
  put: Uint8Array,
  owner: Id,
  payload: (bytes: Uint8Array) => Payload,
): Extract<Command, { type: 'put' }> {
  const [type, , level, wire] = messageFromOutside(unpackClientMessages(put)[0]);
  if (type !== 'do' || wire.type !== 'put') throw new Error('it is no put');
  return commandFromWire(wire, { owner, level, payload }) as Extract<Command, { type: 'put' }>;
}
