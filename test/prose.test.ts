/**
 * Checks the prose of the sources: comments fit `columns`, and comments and test names contain none
 * of the `riddles`.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const columns = 100;

/** Phrases without a clear subject: the plain form names the thing, and uses an active verb. */
const riddles: readonly RegExp[] = [
  /(?:^|[.:;] )What\b(?!.*\?)/,
  /\bwhat (?:is|was|has)\b/i,
  /\b(?:nobody|anybody|whoever)\b/i,
  /\bso (?:many|long)\b(?! (?:as|that)\b)/i,
  /\btold\b/i,
  /\b(?:is|are) to be\b|(?<!\bthere )\b(?:is|are) none\b/i,
  /\b(?:of which|by now|hung on|let go)\b/i,
];

interface Prose {
  readonly place: string;
  readonly text: string;
}

const sources = ['src', 'test', 'bench']
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path)),
  )
  .filter((path) => /\.[cm]?[jt]sx?$/.test(path) && !path.includes('node_modules'))
  .sort()
  .map((path) => ({ path, lines: readFileSync(join(root, path), 'utf8').split('\n') }));

/** Returns the lines that hold nothing but a comment. */
function commentLines(path: string, lines: readonly string[]): Prose[] {
  return lines.flatMap((text, at) => (/^\s*(?:\/\/|\/\*|\*)/.test(text) ? [{ place: `${path}:${at + 1}`, text }] : []));
}

/** Returns each comment as one text, without code in backticks. */
function commentsOf(path: string, lines: readonly string[]): Prose[] {
  const found: { place: string; text: string }[] = [];
  let last = -2;
  for (const [at, line] of lines.entries()) {
    const text = /^\s*(?:\/\/|\/\*\*?|\*\/?)\s*(.*?)\s*(?:\*\/)?$/.exec(line)?.[1];
    if (text === undefined) continue;
    if (at === last + 1 && !/^\s*\/\*/.test(line)) found.at(-1)!.text += ` ${text}`;
    else found.push({ place: `${path}:${at + 1}`, text });
    last = at;
  }
  return found.map(({ place, text }) => ({ place, text: withoutCode(text) }));
}

/** Returns the names of tests and their groups. */
function namesOf(path: string, source: string): Prose[] {
  return Array.from(source.matchAll(/\b(?:it|test|describe)\(\s*(['"`])(.*?)(?<!\\)\1/gs), ([, , name]) => ({
    place: path,
    text: withoutCode(name!.replace(/^(?:\[[\d.]+\] )*/, '')),
  }));
}

const withoutCode = (text: string) => text.replace(/`[^`]*`/g, '').trim();

const riddleIn = (text: string) => riddles.map((riddle) => riddle.exec(text)?.[0]).find((found) => found !== undefined);

describe('the prose of the sources', () => {
  it(`keeps comments within ${columns} columns`, () => {
    const long = sources
      .flatMap(({ path, lines }) => commentLines(path, lines))
      .filter(({ text }) => [...text].length > columns);
    assert.deepEqual(long, []);
  });

  it('avoids riddles in comments and test names', () => {
    const found = sources
      .flatMap(({ path, lines }) => [...commentsOf(path, lines), ...namesOf(path, lines.join('\n'))])
      .flatMap(({ place, text }) => {
        const riddle = riddleIn(text);
        return riddle === undefined ? [] : [`${place}: "${riddle.trim()}" in: ${text}`];
      });
    assert.deepEqual(found, []);
  });

  it('is read as whole comments, without code', () => {
    const lines = ['/**', ' * Returns what', ' * is `told`.', ' */', 'f(); // no', '// one', '// text'];
    assert.deepEqual(commentsOf('a.ts', lines), [
      { place: 'a.ts:1', text: 'Returns what is .' },
      { place: 'a.ts:6', text: 'one text' },
    ]);
    assert.equal(riddleIn('Returns what is .'), 'what is');
    assert.equal(riddleIn('Stays so long as it runs.'), undefined);
  });
});
