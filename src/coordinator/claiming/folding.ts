/**
 * Puts together what became of the items of a map's chunk, once all are done. The core asks for it
 * as an effect, and hears of it in a command, since only here the items' bytes can be read.
 */
import type { Id } from '../../core/records.js';
import type { Context } from '../context.js';
import { foldedItems } from './outcome-bytes.js';

/** A chunk that could not be folded is tried again after this time. */
const againMs = 1000;

export class Folding {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /**
   * On a full disk again and again, until there is room; where that does not come, whoever opens
   * next does it.
   */
  fold(id: Id): void {
    const { store, after, turn, decide, isClosing } = this.#context;
    const chunk = store.state.job(id);
    if (chunk === undefined || chunk.outcome !== 'none' || isClosing()) return;
    const items = foldedItems(store, chunk);
    const command = { type: 'fold', job: id, list: items === null ? null : store.payload(items) } as const;
    const reply = (error: Error | undefined) => {
      if (error !== undefined) after(againMs, () => this.fold(id));
    };
    decide(command, { reply });
    turn();
  }
}
