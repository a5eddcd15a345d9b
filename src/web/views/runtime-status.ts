/** The state of the runtime, for all views. */
import type { RuntimeStatus } from '../../protocol/status.js';
import type { ViewContext } from './view.js';

/** The state of the runtime. Times of measurement have a digit that matters. */
export async function runtimeOf({ callsheet, memo }: ViewContext): Promise<RuntimeStatus> {
  return memo.get('status', 900, async () => {
    const status = await callsheet.monitor.status();
    const { turns, store } = status;
    return {
      ...status,
      answerMs: rounded(status.answerMs),
      turns: { ...turns, meanMs: rounded(turns.meanMs), longestMs: rounded(turns.longestMs) },
      store: {
        ...store,
        freeBytes: store.freeBytes && roundedBytes(store.freeBytes),
        lastSyncMs: rounded(store.lastSyncMs),
        longestSyncMs: rounded(store.longestSyncMs),
        lastSnapshotMs: rounded(store.lastSnapshotMs),
        longestSnapshotMs: rounded(store.longestSnapshotMs),
      },
    };
  });
}

const rounded = (ms: number) => Number(ms.toPrecision(3));
const roundedBytes = (bytes: number) => Number(bytes.toPrecision(3));
