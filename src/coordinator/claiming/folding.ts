/**
 * Folds the outcomes of the items of a map's chunk into one payload, once all are done. The core
 * asks for it by an effect and receives the payload in a command, since only here the bytes can be
 * read.
 */
import type { Id } from '../../core/records.js';
import type { Records } from '../../store/store.js';
import type { Context } from '../context.js';
import { type Folded, foldedItems } from './outcome-bytes.js';

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
    const { store, now, after, decide, isClosing } = this.#context;
    const look = (records: Records) => {
      const chunk = records.view.job(id);
      return chunk === undefined || chunk.outcome !== 'none' ? undefined : foldedItems(records, chunk, now());
    };
    const payload = (bytes: Uint8Array | undefined | null) => (bytes ? store.payload(bytes) : null);
    const reply = (error: Error | undefined) => {
      if (error !== undefined) after(againMs, () => this.fold(id));
    };
    const tell = (error: Error | undefined, folded?: Folded | null | undefined) => {
      // Any other error of reading has ended the store, which reports it itself.
      if (error !== undefined || folded === undefined || isClosing()) return;
      const [list, failed] = [payload(folded?.list), payload(folded?.failed)];
      decide({ type: 'fold', job: id, list, failed }, { reply });
    };
    store.read(look, tell, 'decided');
  }
}
