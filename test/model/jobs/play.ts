/**
 * The one function that jobs of the model test have: it begins, and ends when and how it is told
 * to.
 */
import { CompletedJobs, currentJob, type Failure } from 'callsheet';

export interface Start {
  readonly name: string;
  readonly id: string;
  /** What it was called with beside its name: a job's outcome, or those of a whole's parts. */
  readonly heard: string;
}

/** What began since somebody looked. */
export const starts: Start[] = [];
/** How each that runs can be ended. */
const running = new Map<string, (isFailure: boolean) => void>();

export function end(name: string, isFailure: boolean): void {
  running.get(name)!(isFailure);
}

export function forget(): void {
  starts.length = 0;
  running.clear();
}

export function play(name: string, outcome?: unknown): Promise<string> {
  const { id, signal } = currentJob();
  starts.push({ name, id, heard: outcomeText(outcome) });
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    running.set(name, (isFailure) => {
      if (isFailure) reject(new RangeError(`${name} was told to fail`));
      else resolve(`fine ${name}`);
    });
  });
}

/**
 * An outcome as the model has it: the text of the result, the outcomes of parts, or the name of the
 * error.
 */
export function outcomeText(outcome: unknown): string {
  if (outcome === undefined) return '';
  if (outcome instanceof CompletedJobs)
    return Array.from(outcome, (part) => outcomeText(part.failure ?? part.result)).join();
  return typeof outcome === 'string' ? outcome : (outcome as Failure).name;
}
