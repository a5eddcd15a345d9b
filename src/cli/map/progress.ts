/** The line that shows how far a run is, on a terminal. */
import { plain } from '../words.js';

export interface Shown {
  readonly title: string;
  readonly done: number;
  readonly failed: number;
  readonly running: number;
  /** The part of all items that is done, from 0 to 1; `undefined` if their number is not known. */
  readonly part: number | undefined;
  /** Items for each second. */
  readonly rate: number;
}

const barWidth = 20;
const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** Returns the line, in at most `columns` characters. */
export function progressLine({ title, done, failed, running, part, rate }: Shown, columns: number): string {
  const count = done.toLocaleString('en');
  const words = [plain(title)];
  if (part !== undefined) words.push(bar(part), `${Math.floor(part * 100)}%`);
  words.push(`${count} done`, `${Math.round(rate).toLocaleString('en')}/s`);
  if (failed > 0) words.push(`${failed.toLocaleString('en')} failed`);
  if (part !== undefined && part > 0 && rate > 0) words.push(`left ${time((done / part - done) / rate)}`);
  words.push(`${running} running`);
  return words.join('  ').slice(0, columns);
}

function bar(part: number): string {
  const filled = Math.floor(part * barWidth * 8);
  return ('█'.repeat(filled >> 3) + eighths[filled & 7]!).padEnd(barWidth, '·');
}

/** Returns seconds as `42s`, `3m 20s` or `2h 5m`. */
function time(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${whole % 60}s`;
  return `${Math.floor(whole / 3600)}h ${Math.floor((whole % 3600) / 60)}m`;
}

const showMs = 250;
const rateMs = 10_000;

/** Shows a line on standard error while it is a terminal. Returns a function that ends that. */
export function showProgress(now: () => Omit<Shown, 'rate'>): () => void {
  const terminal = process.stderr;
  if (!terminal.isTTY) return () => {};
  let looks: readonly { readonly at: number; readonly done: number }[] = [];
  const show = () => {
    const at = performance.now();
    const shown = now();
    looks = [...looks.filter((look) => at - look.at < rateMs), { at, done: shown.done }];
    const [{ at: from, done }] = looks as [(typeof looks)[number]];
    const rate = at === from ? 0 : ((shown.done - done) / (at - from)) * 1000;
    terminal.write(`\r\x1b[K${progressLine({ ...shown, rate }, (terminal.columns || 80) - 1)}`);
  };
  const timer = setInterval(show, showMs);
  return () => {
    clearInterval(timer);
    terminal.write('\r\x1b[K');
  };
}
