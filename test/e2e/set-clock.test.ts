/** The wall clock of a process is set while it works. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { Program } from '../harness/program.js';
import { temporaryDirectory } from '../harness/temporary.js';

it('[2.4] [2.5] [2.12] [4.8] keeps durations, expires and forgets nothing when the wall clock is set back and forward', {
  timeout: 60_000,
}, async (t) => {
  const clockFile = join(temporaryDirectory(), 'clock');
  writeFileSync(clockFile, '0');
  const programs = (name: string) => new URL(`programs/${name}.js`, import.meta.url);
  const program = new Program(
    t,
    { program: programs('set-clock'), preload: programs('clock-of-a-file'), env: { CLOCK_FILE: clockFile } },
    temporaryDirectory(),
  );
  for (const line of ['delayed 4', 'limited 5', 'dated 6', 'waiting pending', 'done 3']) await program.says(line);
});
