/** The failed items of a run, grouped for people. */
import { escaped } from '../words.js';
import type { WrittenItem } from './outputs.js';

const mostGroups = 10;
const shownItems = 3;
const shownCharacters = 80;

export class Failures {
  readonly #groups = new Map<string, { count: number; readonly items: string[] }>();
  #others = 0;
  count = 0;

  add({ n, input, error }: WrittenItem): void {
    const { name, message } = error!;
    this.count++;
    const title = `${short(name)}: ${short(message)}`;
    let group = this.#groups.get(title);
    if (group === undefined) {
      if (this.#groups.size === mostGroups) {
        this.#others++;
        return;
      }
      group = { count: 0, items: [] };
      this.#groups.set(title, group);
    }
    group.count++;
    if (group.items.length < shownItems) group.items.push(`    item ${n}: ${short(input)}`);
  }

  /** Returns lines: each kind of error with its number and its first items. */
  lines(): string[] {
    const lines = [...this.#groups].flatMap(([title, { count, items }]) => [
      `  ${count === 1 ? '' : `${count} × `}${title}`,
      ...items,
      ...(count > items.length ? ['    …'] : []),
    ]);
    if (this.#others > 0) lines.push(`  and ${this.#others} with other errors`);
    return lines;
  }
}

function short(text: string): string {
  const [line = ''] = text.split('\n', 1);
  return escaped(line.length > shownCharacters ? `${line.slice(0, shownCharacters)}…` : line);
}
