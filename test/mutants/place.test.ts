/** Checks that a planted bug is found in its declaration, whatever the layout of its text. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { declarations, plantIn } from './place.js';

const source = `/** Head. */
import { b } from './b.js';

const table = {
  size: 1,
};

export function put(
  size: number,
): void {
  table.size = size; // As it was put.
}

interface Shape {
  size: number;
}

export class Queue extends Shape {
  readonly #size = 1;

  /** Comment. */
  async put(size: number): Promise<void> {
    if (
      size > 1 &&
      // Why it must.
      this.#size > 1
    )
      await b(size);
  }

  get #free(): number {
    return this.#size;
  }
}
`;
const plant = (where: string, find: string, replace = '') =>
  plantIn(source, { bug: 'a bug', in: `queue.ts${where}`, find, replace });

describe('declarations', () => {
  it('lists the top level and the members of classes', () => {
    assert.deepEqual(
      declarations(source).flatMap(({ name, owner }) => (name === '' ? [] : [`${owner}.${name}`])),
      ['.table', '.put', '.Queue', 'Queue.size', 'Queue.put', 'Queue.free'],
    );
  });

  it('holds each one up to the next', () => {
    const [table, , queue, , , free] = declarations(source).filter(({ name }) => name !== '');
    assert.equal(table!.text, 'const table = {\n  size: 1,\n};\n\n');
    assert.match(queue!.text, /^export class Queue[\s\S]*}\n$/);
    assert.match(free!.text, /^ {2}get #free[\s\S]*}\n$/);
  });
});

describe('a planted bug', () => {
  it('replaces its text despite white space and comments within', () => {
    const after = plant('#Queue.put', 'if (size > 1 && this.#size > 1)', 'if (true)');
    assert.match(after, /\n {4}if \(true\)\n {6}await b\(size\);/);
  });

  it('is found by the unqualified name of its function', () => {
    assert.match(plant('#free', 'this.#size', '0'), /return 0;/);
  });

  it('is found in a file, outside of any declaration', () => {
    assert.match(plant('', "'./b.js'", "'./c.js'"), /from '.\/c.js'/);
  });

  it('is rejected if its function does not exist', () => {
    assert.throws(() => plant('#take', 'size'), { message: '"a bug": there is no src/queue.ts#take' });
  });

  it('is rejected if its text does not stand in its function exactly once', () => {
    assert.throws(() => plant('#put', 'table.length'), /stands 0 times in src\/queue.ts#put$/);
    assert.throws(() => plant('#Queue.put', 'size > 1'), /stands 2 times/);
  });
});
