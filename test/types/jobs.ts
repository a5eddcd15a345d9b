/** A job module with functions of every shape; `face.ts` uses it. */
import {
  type CompletedItems,
  type CompletedJobs,
  type Composition,
  currentJob,
  type Failure,
  type JobCall,
} from 'callsheet';

export interface Order {
  readonly id: number;
  readonly lines?: readonly string[];
}

export function total(order: Order, vat = 0.2): number {
  return order.id * (1 + vat);
}

export async function fetched(id: number): Promise<Order> {
  return { id };
}

export function nothing(): void {}

export function many(first: string, ...rest: number[]): readonly [string, number] {
  return [first, rest.length];
}

export function sumUp(parts: CompletedJobs<number>): string {
  return `${parts.length}`;
}

export function sumUpWith(title: string, digits: number, parts: CompletedJobs<number>): { title: string } {
  return { title: `${title}${digits}${parts.length}` };
}

export function anyOf(parts: CompletedJobs<unknown>): boolean {
  return parts.length > 0;
}

export const vat = 0.2;
export class Shop {}

export function label(parts: CompletedJobs<number | Order>): string[] {
  return Array.from(parts, ({ result }) => (typeof result === 'number' ? `${result}` : `${result.id}`));
}

export function returnsCall(): JobCall<number> | string {
  return 'no job';
}

export async function returnsComposition(): Promise<Composition<Order>> {
  throw new Error('never run');
}

export const returnsReference = (id: number) => currentJob().put(jobOf<Order>(id));

declare function jobOf<Result>(id: number): JobCall<Result>;

export async function report(items: CompletedItems<number>): Promise<string> {
  return `${items.length}`;
}

export async function reportWith(title: string, digits: number, items: CompletedItems<number>): Promise<Titled> {
  return { title: `${title}${digits}${items.length}` };
}

export interface Titled {
  readonly title: string;
}

export function discounted(factor: number, order: Order, vat = 0.2): number {
  return factor * order.id * vat;
}

export function record(month: string, total: number): Date {
  return new Date(`${month} ${total}`);
}

export function alarm(failure: Failure): boolean {
  return failure.name === 'RangeError';
}
