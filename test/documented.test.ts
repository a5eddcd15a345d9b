/** Checks that every export has a comment, and that every file and link in a README exists. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const sources = new URL('../../src/', import.meta.url);

/** Returns each name that an index exports, with the file that declares it. */
function exportsOf(index: URL): [name: string, file: URL][] {
  const found: [string, URL][] = [];
  for (const [, names, from] of readFileSync(index, 'utf8').matchAll(/^export (?:type )?\{([^}]*)\} from '(.*?)';/gm)) {
    const file = new URL(from!.replace(/\.js$/, '.ts'), index);
    for (const name of names!.split(',').map((text) => text.trim().replace(/^type | as \w+$/g, ''))) {
      if (name !== '') found.push([name, file]);
    }
  }
  return found;
}

for (const index of ['index.ts', 'testing/index.ts', 'web/index.ts', 'otel/index.ts']) {
  test(`every export of src/${index} is documented`, () => {
    const exported = exportsOf(new URL(index, sources));
    assert.ok(exported.length > 2, 'no exports were found');
    const bare = exported.filter(([name, file]) => !isDocumented(name, file));
    assert.deepEqual(
      bare.map(([name, file]) => `${name} in ${file.pathname.slice(sources.pathname.length)}`),
      [],
    );
  });
}

function isDocumented(name: string, file: URL): boolean {
  assert.ok(existsSync(file), `${file} must exist: an index exports from it`);
  const kinds = '(?:declare )?(?:abstract )?(?:async )?(?:class|interface|type|function|const)';
  return new RegExp(`\\*/\\nexport ${kinds} ${name}\\b`).test(readFileSync(file, 'utf8'));
}

const root = new URL('../../', import.meta.url);

test('every file that src/README.md names exists', () => {
  const text = readFileSync(new URL('src/README.md', root), 'utf8');
  const named = Array.from(text.matchAll(/`((?:src|test|bench)\/[\w./-]*)`/g), ([, path]) => path!);
  assert.ok(named.length > 50, 'no files were found');
  assert.deepEqual(
    named.filter((path) => !existsSync(new URL(path, root))),
    [],
  );
});

for (const readme of ['README.md', 'src/README.md', 'test/README.md', 'test/contract/README.md', 'bench/README.md']) {
  test(`every link of ${readme} leads to a file`, () => {
    const url = new URL(readme, root);
    const links = Array.from(readFileSync(url, 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)/g), ([, link]) => link!);
    assert.deepEqual(
      links.filter((link) => !existsSync(new URL(link, url))),
      [],
    );
  });
}
