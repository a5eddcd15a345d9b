/**
 * Requests that a client sends a second time, because its connection ended before their answer.
 * Jobs have the ids that the client gave them, so that the same jobs are not made twice.
 */
import type { ClientMessage, WireInnerCommand } from '../protocol/messages.js';

/** A message without the number of its request. */
export type Request = ClientMessage extends infer M
  ? M extends [infer Type, number, ...infer Rest]
    ? [Type, ...Rest]
    : never
  : never;

/**
 * Returns the request to send in place of one whose answer was lost. Undefined for a command that
 * would do something else, or fail, if it was done the first time.
 */
export function repeated(request: Request): Request | undefined {
  switch (request[0]) {
    case 'close':
    case 'bulk':
    case 'endBulk':
      return undefined;
    case 'schedule': {
      const { type } = request[2];
      return type === 'setSchedule' || type === 'pauseSchedule' ? request : undefined;
    }
    case 'do': {
      const [, level, command] = request;
      switch (command.type) {
        case 'put':
        case 'addCallbacks':
        case 'addParts':
        case 'feed':
        case 'endInput':
          return ['do', level, { ...command, again: true }];
        case 'all':
          if (!command.commands.every(canRepeat)) return undefined;
          return ['do', level, { ...command, commands: command.commands.map((inner) => ({ ...inner, again: true })) }];
        case 'createQueue':
        case 'pauseQueue':
        case 'boundQueue':
        case 'setQuota':
        case 'setAgent':
        case 'annotate':
          return request;
        default:
          return undefined;
      }
    }
    default:
      return request;
  }
}

const canRepeat = ({ type }: WireInnerCommand) => type === 'put' || type === 'addCallbacks' || type === 'addParts';
