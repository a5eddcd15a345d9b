/**
 * Puts together what became of the items of a map's chunk, once all are done. The core asks for it
 * as an effect, and hears of it in a command, since only here the items' bytes can be read.
 */
import type { Id } from '../../core/records.js';
import type { Store } from '../../store/store.js';
import type { Closing } from '../closing.js';
import type { Timer } from '../long-timeout.js';
import { foldedItems } from './outcome-bytes.js';

export interface FoldingPorts {
  readonly store: Store;
  readonly after: (delayMs: number, callback: () => void) => Timer;
  readonly turn: () => void;
  readonly closing: Closing;
}

/** A chunk that could not be folded is tried again after this time. */
const againMs = 1000;

export class Folding {
  readonly #ports: FoldingPorts;

  constructor(ports: FoldingPorts) {
    this.#ports = ports;
  }

  /**
   * On a full disk again and again, until there is room; where that does not come, whoever opens
   * next does it.
   */
  fold(id: Id): void {
    const { store, after, turn, closing } = this.#ports;
    const chunk = store.state.job(id);
    if (chunk === undefined || chunk.outcome !== 'none' || closing.isBegun) return;
    const items = foldedItems(store, chunk);
    const command = { type: 'fold', job: id, list: items === null ? null : store.payload(items) } as const;
    const reply = (error: Error | undefined) => {
      if (error !== undefined) after(againMs, () => this.fold(id));
    };
    store.transact([{ command, gate: 'decided', reply }]);
    turn();
  }
}
