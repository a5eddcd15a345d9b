/** Jobs that are cancelled, each hearing of it in another way, or not at all. */
import { currentJob } from 'callsheet';

/** Looks at the flag. */
export function looksUp(): void {
  currentJob().annotations.set('begun', true);
  while (!currentJob().cancelled);
}

/** Listens to its signal. */
export async function listens(): Promise<void> {
  const { signal, annotations } = currentJob();
  annotations.set('begun', true);
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}

/** Never looks up. */
export function loops(): void {
  currentJob().annotations.set('begun', true);
  for (;;);
}
