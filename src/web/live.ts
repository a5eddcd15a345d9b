/**
 * Streams of the sections of views. All tabs that watch the same view share its questions: one a
 * second at most, one at a time, and none without a tab.
 */
import { HttpError, httpErrorOf } from './http-error.js';
import type { Sections } from './views/view.js';

/** A tab has one stream. */
const most = { streams: 1000, views: 100 };
const everyMs = 1000;
/** The pause after a question is this multiple of the time that the answer took, at least. */
const restFactor = 10;
/** Something is sent at least this often, so that both sides notice the end of the other. */
const signMs = 15_000;
/** A tab that does not read gets nothing until it has read so far. */
const unreadBytes = 1024 * 1024;

interface Stream {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  /** `true` if it has missed something, so that it must get everything. */
  isBehind: boolean;
  sentAt: number;
}

/** A message to a tab: sections that are new or changed, and the names of those that are gone. */
export interface Update {
  /** `true` if all other sections are gone. */
  readonly whole: boolean;
  readonly changed: Sections;
  readonly gone: readonly string[];
}

export class Live {
  readonly #watches = new Map<string, Watch>();
  #streams = 0;
  #isClosed = false;

  /** Returns a stream of updates. `key` is equal for equal questions. */
  open(key: string, ask: () => Promise<Sections>): ReadableStream<Uint8Array> {
    if (this.#isClosed) throw new HttpError(503, 'CLOSED', 'the page is closed');
    const there = this.#watches.get(key);
    if (this.#streams >= most.streams || (there === undefined && this.#watches.size >= most.views))
      throw new HttpError(503, 'TOO_MANY_TABS', `at most ${most.streams} tabs can follow the page live`, {
        'retry-after': '30',
      });
    const watch = there ?? new Watch(ask, () => this.#watches.delete(key));
    if (there === undefined) this.#watches.set(key, watch);
    this.#streams++;
    let stream: Stream;
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          stream = { controller, isBehind: true, sentAt: 0 };
          watch.add(stream);
        },
        cancel: () => {
          this.#streams--;
          watch.delete(stream);
        },
      },
      new ByteLengthQueuingStrategy({ highWaterMark: unreadBytes }),
    );
  }

  /** The number of tabs that follow. */
  get streams(): number {
    return this.#streams;
  }

  close(): void {
    this.#isClosed = true;
    for (const watch of this.#watches.values()) this.#streams -= watch.end();
  }
}

/** A view that tabs watch. */
class Watch {
  readonly #ask: () => Promise<Sections>;
  readonly #onEmpty: () => void;
  readonly #streams = new Set<Stream>();
  /** The last answer as JSON, by section. */
  #sent: ReadonlyMap<string, string> = new Map();
  #timer: NodeJS.Timeout | undefined;
  #isAsking = false;

  constructor(ask: () => Promise<Sections>, onEmpty: () => void) {
    this.#ask = ask;
    this.#onEmpty = onEmpty;
  }

  add(stream: Stream): void {
    this.#streams.add(stream);
    if (this.#streams.size === 1) void this.#look();
    else if (this.#sent.size > 0) this.#send(stream, updateOf(this.#sent, undefined));
  }

  delete(stream: Stream): void {
    if (!this.#streams.delete(stream) || this.#streams.size > 0) return;
    clearTimeout(this.#timer);
    this.#onEmpty();
  }

  /** Ends its streams, and returns their number. */
  end(): number {
    clearTimeout(this.#timer);
    const count = this.#streams.size;
    for (const { controller } of this.#streams) controller.close();
    this.#streams.clear();
    this.#onEmpty();
    return count;
  }

  async #look(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const start = performance.now();
    try {
      this.#tell(textsOf(await this.#ask()));
    } catch (error) {
      const { status, code, message } = httpErrorOf(error);
      this.#sent = new Map();
      for (const stream of this.#streams) {
        stream.isBehind = true;
        this.#send(stream, `event: problem\ndata: ${JSON.stringify({ status, code, message })}\n\n`);
      }
    } finally {
      this.#isAsking = false;
    }
    if (this.#streams.size === 0) return;
    const tookMs = performance.now() - start;
    this.#timer = setTimeout(() => void this.#look(), Math.max(everyMs, restFactor * tookMs));
    this.#timer.unref();
  }

  #tell(texts: ReadonlyMap<string, string>): void {
    const before = this.#sent;
    this.#sent = texts;
    const update = updateOf(texts, before);
    const now = performance.now();
    let whole: string | undefined;
    for (const stream of this.#streams) {
      if (stream.isBehind) {
        whole ??= updateOf(texts, undefined)!;
        this.#send(stream, whole);
      } else if (update !== undefined) this.#send(stream, update);
      else if (now - stream.sentAt > signMs) this.#send(stream, ': still here\n\n');
    }
  }

  #send(stream: Stream, text: string | undefined): void {
    const { controller } = stream;
    const hasRoom = (controller.desiredSize ?? 0) > 0;
    stream.isBehind = !hasRoom || (stream.isBehind && text?.startsWith('event: problem') === true);
    if (!hasRoom || text === undefined) return;
    stream.sentAt = performance.now();
    controller.enqueue(encoder.encode(text));
  }
}

const encoder = new TextEncoder();

function textsOf(sections: Sections): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const [name, value] of Object.entries(sections)) {
    const text = JSON.stringify(value) as string | undefined;
    if (text !== undefined) texts.set(name, text);
  }
  return texts;
}

/** Returns the event that leads from one answer to the next; `undefined` for no change. */
function updateOf(
  texts: ReadonlyMap<string, string>,
  before: ReadonlyMap<string, string> | undefined,
): string | undefined {
  const changed = [...texts].filter(([name, text]) => before?.get(name) !== text);
  const gone = [...(before?.keys() ?? [])].filter((name) => !texts.has(name));
  if (before !== undefined && changed.length === 0 && gone.length === 0) return undefined;
  const fields = changed.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(',');
  const whole = before === undefined;
  return `data: {"whole":${whole},"changed":{${fields}},"gone":${JSON.stringify(gone)}}\n\n`;
}
