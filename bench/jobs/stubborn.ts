/** Jobs that notice their cancellation in different ways, or never. */
import { currentJob } from 'callsheet';

/** Checks the flag. */
export function looksUp(): void {
  currentJob().annotations.set('begun', true);
  while (!currentJob().cancelled);
}

/** Listens to the signal. */
export async function listens(): Promise<void> {
  const { signal, annotations } = currentJob();
  annotations.set('begun', true);
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}

/** Never notices. */
export function loops(): void {
  currentJob().annotations.set('begun', true);
  for (;;);
}
