/**
 * Folds the outcomes of the items of a map's chunk into one payload, once all are done. The core
 * asks for it by an effect and receives the payload in a command, since only here the bytes can be
 * read.
 */
import type { Id } from '../../core/records.js';
import type { Context } from '../context.js';
import { foldedItems } from './outcome-bytes.js';

/** The delay before a chunk that could not be stored is folded again. */
const againMs = 1000;

export class Folding {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /**
   * Folds a chunk. On a full disk it tries again until there is room; after a close, the next open
   * does.
   */
  fold(id: Id): void {
    const { store, now, after, turn, decide, isClosing } = this.#context;
    const chunk = store.state.job(id);
    if (chunk === undefined || chunk.outcome !== 'none' || isClosing()) return;
    const folded = foldedItems(store, chunk, now());
    const payload = (bytes: Uint8Array | undefined | null) => (bytes ? store.payload(bytes) : null);
    const command = { type: 'fold', job: id, list: payload(folded?.list), failed: payload(folded?.failed) } as const;
    const reply = (error: Error | undefined) => {
      if (error !== undefined) after(againMs, () => this.fold(id));
    };
    decide(command, { reply });
    turn();
  }
}
