/**
 * The common ground of the coordinator's parts: the store, the outside world, and the requests that
 * any part may make of the whole. It knows no part, so that every part may know it.
 */
import type { Command } from '../core/commands.js';
import type { Id } from '../core/records.js';
import type { Query } from '../protocol/messages.js';
import type { Asked, Store, Tell } from '../store/store.js';
import type { Post } from './clients/replies.js';
import type { Timer } from './long-timeout.js';
import type { QuestionsPort } from './questions/questions-port.js';

export interface Context {
  readonly store: Store;
  /** The id of this dispatcher. */
  readonly dispatcher: Id;
  readonly questions: QuestionsPort;
  readonly post: Post;
  readonly now: () => number;
  /** Milliseconds since an arbitrary moment, on a clock that cannot be set. */
  readonly monotonic: () => number;
  /** Calls back once, after `delayMs`. */
  readonly after: (delayMs: number, callback: () => void) => Timer;
  /** Requests a turn: something may be there to claim or to commit. */
  readonly turn: () => void;
  /**
   * Decides a command, by default without waiting for the disk. Requests the turn that commits it:
   * the answer of a store on which it depends may come between two turns.
   */
  readonly decide: (command: Command, then?: Partial<Omit<Asked, 'command'>>) => void;
  /** Answers a query from the records; see `Store.read`. */
  readonly ask: (query: Query, tell: Tell<unknown>, gate?: 'decided' | 'synced') => void;
  /** `true` once the coordinator takes and begins nothing more. */
  readonly isClosing: () => boolean;
}
