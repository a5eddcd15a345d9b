/** The only function that jobs of the model test run. `end` ends it. */
import { CompletedJobs, currentJob, type Failure } from 'callsheet';

export interface Start {
  readonly name: string;
  readonly id: string;
  /** Its second argument as text: the outcome of its job or of its whole's parts. */
  readonly heard: string;
}

/** The jobs that began since the last look. */
export const starts: Start[] = [];
/** Ends a running job, by name. */
const running = new Map<string, (isFailure: boolean) => void>();

export function end(name: string, isFailure: boolean): void {
  running.get(name)!(isFailure);
}

export function forget(): void {
  starts.length = 0;
  running.clear();
}

/** In the name of a schedule's job, `@` stands for the tick. */
export function play(given: string, outcome?: unknown): Promise<string> {
  const { id, signal, schedule } = currentJob();
  const name = given.replace('@', ` ${schedule?.at.getTime()}`);
  starts.push({ name, id, heard: outcomeText(outcome) });
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    running.set(name, (isFailure) => {
      if (isFailure) reject(new RangeError(`${name} was made to fail`));
      else resolve(`fine ${name}`);
    });
  });
}

/** Returns an outcome as the model writes it: a result, the parts' outcomes, or an error's name. */
export function outcomeText(outcome: unknown): string {
  if (outcome === undefined) return '';
  if (outcome instanceof CompletedJobs)
    return Array.from(outcome, (part) => outcomeText(part.failure ?? part.result)).join();
  return typeof outcome === 'string' ? outcome : (outcome as Failure).name;
}
