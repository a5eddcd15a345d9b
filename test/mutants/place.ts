/**
 * Finds the place of a planted bug by the name of a declaration and a text in it. Reads the
 * layout that the formatter guarantees instead of the syntax: a declaration begins with a letter in
 * the first column, a member of a class in the third.
 */
import type { Mutant } from './mutant.js';

interface Declaration {
  readonly name: string;
  /** The class of a member; `''` at the top level. */
  readonly owner: string;
  readonly text: string;
  readonly from: number;
}

const atTop = /^(?:(?:export|default|async|abstract) )*(function\*?|class|const|let) (\w+)/;
const inClass = /^ {2}(?:(?:static|async|get|set|readonly|override) |\*)*#?(\w+)/;
/** White space and comments. */
const gap = String.raw`(?:\s|//.*$|/\*(?:[^*]|\*(?!/))*\*/)*`;

/** Returns the file of `mutant`, from `src/` on. */
export function fileOf(mutant: Pick<Mutant, 'in'>): string {
  return mutant.in.split('#', 1)[0]!;
}

/**
 * Returns `source` with the bug in it.
 *
 * @throws If `source` has no such declaration, or `find` stands in it not exactly once.
 */
export function plantIn(source: string, mutant: Omit<Mutant, 'tags'>): string {
  const places = placesOf(source, mutant);
  const [place] = places;
  if (place === undefined || places.length > 1)
    throw new Error(`"${mutant.bug}": its text stands ${places.length} times in src/${mutant.in}`);
  return source.slice(0, place.from) + mutant.replace + source.slice(place.to);
}

function placesOf(source: string, mutant: Omit<Mutant, 'tags'>): { from: number; to: number }[] {
  const [, name] = mutant.in.split('#');
  const pattern = withGaps(mutant.find);
  const texts = name === undefined ? [{ text: source, from: 0 }] : declarationsNamed(name, source);
  if (texts.length === 0) throw new Error(`"${mutant.bug}": there is no src/${mutant.in}`);
  return texts.flatMap(({ text, from }) =>
    Array.from(text.matchAll(pattern), ({ 0: found, index }) => ({
      from: from + index,
      to: from + index + found.length,
    })),
  );
}

/** Returns a pattern for `text` that allows white space and comments between its characters. */
function withGaps(text: string): RegExp {
  const characters = Array.from(text.replaceAll(/\s/g, ''), (each) => each.replace(/[^\w]/, '\\$&'));
  return new RegExp(characters.join(gap), 'gm');
}

/**
 * Returns the declarations of this name, as `name` or `Owner.name`: several if it is overloaded.
 */
function declarationsNamed(name: string, source: string): readonly Declaration[] {
  return declarations(source).filter((one) => name === one.name || name === `${one.owner}.${one.name}`);
}

/**
 * Returns the declarations of the top level and the members of classes. A declaration ends where
 * the next one, or its comment, begins.
 */
export function declarations(source: string): readonly Declaration[] {
  const starts: { name: string; owner: string; from: number }[] = [];
  let owner = '';
  let from = 0;
  for (const line of source.split('\n')) {
    if (/^[\w/]/.test(line)) {
      const [, kind, name = ''] = atTop.exec(line) ?? [];
      starts.push({ name, owner: '', from });
      owner = kind === 'class' ? name : '';
    } else if (owner !== '' && /^ {2}[\w#/*]/.test(line)) {
      starts.push({ name: inClass.exec(line)?.[1] ?? '', owner, from });
    }
    from += line.length + 1;
  }
  return starts.map((start, at) => {
    const next = starts.slice(at + 1).find((other) => start.owner !== '' || other.owner === '');
    return { ...start, text: source.slice(start.from, next?.from) };
  });
}
