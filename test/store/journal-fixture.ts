/**
 * The fixture of this version of the format: a directory with snapshots, moves and a log, and its
 * content in words. `node dist/test/store/journal-fixture.js` writes it into
 * `test/journal/fixtures`. The fixture of a released version must stay readable for ever, so an
 * existing one is not replaced; remove it first while its version is not released.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { formatVersion } from '../../src/journal/format.js';
import { openJournal } from '../../src/journal/journal.js';
import { EntryBuffer } from '../../src/store/journal/entry-buffer.js';
import { StrictDisk } from '../journal/strict-disk.js';
import { Churn, churnDirectory, printedState, turn } from './journal-churn.js';

export const fixtures = fileURLToPath(new URL('../../../test/journal/fixtures/', import.meta.url));
const contents = 'contents.txt';

/** Returns a fixture as a disk, and its content in words. */
export function fixtureOf(version: string): { disk: StrictDisk; printed: string } {
  const disk = new StrictDisk();
  const directory = join(fixtures, version);
  for (const name of readdirSync(directory)) {
    if (name !== contents) disk.put(`${churnDirectory}/${name}`, readFileSync(join(directory, name)));
  }
  return { disk, printed: readFileSync(join(directory, contents), 'utf8').trimEnd() };
}

/** A setting as a newer build may write it: its kind has no meaning here. */
export const unknownSetting = {
  key: 'tide\0Dover',
  json: '{ "kind": "tide", "name": "Dover", "highAt": [4, 16.5], "of": {"moon": null} }',
};

/** Writes what a newer build leaves behind: a journal with a setting of an unknown kind. */
export async function writeUnknown(disk: StrictDisk): Promise<void> {
  const journal = await openJournal(churnDirectory, { segment() {}, entry() {} }, { disk, reserveBytes: 0 });
  const buffer = new EntryBuffer();
  buffer.setting(unknownSetting.key, { kind: 'opaque', ...unknownSetting });
  journal.append(buffer.entries());
  await journal.close();
}

async function write(): Promise<void> {
  const disk = new StrictDisk();
  await writeUnknown(disk);
  const churn = await new Churn(disk, 2026).open();
  churn.payloadBytes = 200;
  churn.keep = 25;
  // Works until a segment is not needed as log, but has payloads.
  const hasPayloadSegment = () => {
    const names = [...disk.files().keys()].sort();
    const firstSnapshot = names.findIndex((name) => name.endsWith('.snapshot'));
    return names.slice(0, firstSnapshot).filter((name) => name.endsWith('.segment')).length > 2;
  };
  for (let step = 0; step < 500 || (step < 5000 && !hasPayloadSegment()); step++) {
    churn.step();
    if (step % 3 === 0) await turn();
  }
  await churn.store.close();
  const directory = join(fixtures, `v${formatVersion}`);
  mkdirSync(directory);
  for (const [name, bytes] of disk.files()) writeFileSync(join(directory, name.split('/').at(-1)!), bytes);
  writeFileSync(join(directory, contents), `${printedState(churn.store)}\n`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await write();
